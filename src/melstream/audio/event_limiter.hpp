// Keeps a fault that repeats from filling the log: so many events of one name a second, and how many were left out.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string_view>

#include "melstream/core/clock.hpp"

namespace melstream::audio {

/// Thread-safe.
class EventLimiter {
 public:
  /// @param clock outlives it.
  explicit EventLimiter(const core::Clock& clock) : clock_(clock) {}

  struct Verdict {
    bool pass = false;
    std::int64_t n_suppressed = 0;  ///< since the last that passed; only with `pass`
  };
  Verdict admit(std::string_view name);

 private:
  struct Window {
    std::int64_t begin_mono_ns = 0;
    int n_passed = 0;
    std::int64_t n_suppressed = 0;
  };
  const core::Clock& clock_;
  std::mutex mutex_;                            // protects windows_
  std::map<std::string_view, Window> windows_;  ///< names are literals, so their number is bounded
};

}  // namespace melstream::audio
