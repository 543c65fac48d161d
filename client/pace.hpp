// When samples are due that are sent as fast as they are played. Deadlines count from the start: no drift, whatever
// the sleeps add.
#pragma once

#include <chrono>
#include <cstdint>

namespace melstream::client {

class Pace {
 public:
  Pace(int rate_hz, std::chrono::steady_clock::time_point start) noexcept : rate_hz_(rate_hz), start_(start) {}

  /// When a microphone would hand out the next n_samples: as soon as the last of them has sounded.
  std::chrono::steady_clock::time_point after(std::int64_t n_samples) noexcept {
    n_samples_ += n_samples;
    // Whole seconds apart from the rest: no overflow after years.
    const std::chrono::seconds whole{n_samples_ / rate_hz_};
    return start_ + whole + std::chrono::nanoseconds{n_samples_ % rate_hz_ * 1'000'000'000 / rate_hz_};
  }

 private:
  std::int64_t rate_hz_;
  std::int64_t n_samples_ = 0;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace melstream::client
