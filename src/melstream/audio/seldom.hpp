// A fault that may come with every packet: when to tell of it. Pure state; one thread at a time.
#pragma once

#include <cstdint>
#include <utility>

#include "melstream/core/units.hpp"

namespace melstream::audio {

/// Due once in ten seconds.
class Seldom {
 public:
  bool is_due(std::int64_t now_ns) noexcept {
    if (now_ns < next_ns_) {
      ++n_since_;
      return false;
    }
    next_ns_ = now_ns + 10 * core::kNsPerSecond;
    n_left_out_ = std::exchange(n_since_, 0);
    return true;
  }
  /// How many were not due between the last two that were.
  std::int64_t n_left_out() const noexcept { return n_left_out_; }

 private:
  std::int64_t next_ns_ = 0;
  std::int64_t n_since_ = 0;
  std::int64_t n_left_out_ = 0;
};

}  // namespace melstream::audio
