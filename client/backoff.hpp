// How long to wait before the next attempt to reach a daemon: 0.1 s, then twice as long each time, up to 5 s.
#pragma once

#include <algorithm>
#include <chrono>

namespace melstream::client {

class Backoff {
 public:
  static constexpr std::chrono::milliseconds kShortest{100};
  static constexpr std::chrono::milliseconds kLongest{5000};

  std::chrono::milliseconds next() noexcept {
    const auto delay = next_;
    next_ = std::min(2 * next_, kLongest);
    return delay;
  }
  /// The daemon has answered.
  void reset() noexcept { next_ = kShortest; }

 private:
  std::chrono::milliseconds next_ = kShortest;
};

}  // namespace melstream::client
