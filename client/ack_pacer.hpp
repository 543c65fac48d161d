// When to acknowledge: right after the first response, then at most every 500 ms, and only what is new. The daemon
// keeps responses back while one that it sent more than a second ago is not acknowledged.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace melstream::client {

class AckPacer {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::milliseconds kInterval{500};

  /// @param n_read responses whose contents have gone where they belong, since the call began.
  bool due(std::int64_t n_read, TimePoint now) const noexcept { return n_read > n_sent_ && now >= next_; }
  /// The moment at which an acknowledgement of n_read responses becomes due; none: all of them are acknowledged.
  std::optional<TimePoint> due_at(std::int64_t n_read) const noexcept {
    return n_read > n_sent_ ? std::optional(next_) : std::nullopt;
  }
  void sent(std::int64_t n_read, TimePoint now) noexcept {
    n_sent_ = n_read;
    next_ = now + kInterval;
  }

 private:
  std::int64_t n_sent_ = 0;
  TimePoint next_ = TimePoint::min();
};

}  // namespace melstream::client
