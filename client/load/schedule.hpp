// When each chunk of each stream is due: streams spread over the chunk period, and over the ramp. Deadlines count from
// the start, so that no delay adds up. Pure integer arithmetic.
#pragma once

#include <algorithm>
#include <cstdint>

namespace melstream::client {

class Schedule {
 public:
  /// A chunk of one stream. Counted from 0.
  struct Due {
    std::int64_t chunk = 0;  ///< below 0: the stream has not begun
    int stream = 0;
    std::int64_t due_ns = 0;  ///< since the start: its last sample has sounded
  };

  /// Streams [first, first + n) of n_all; groups of `group` of them, from the first on, are due together.
  /// @param ramp_ns in which all of them begin, one after the other.
  Schedule(int n_all, int first, int n, int group, std::int64_t chunk_ns, std::int64_t ramp_ns) noexcept
      : n_all_(n_all), first_(first), n_(n), group_(group), chunk_ns_(chunk_ns), ramp_ns_(ramp_ns) {}

  /// Event number `at` in order of time: each stream once in a period.
  Due due(std::int64_t at) const noexcept {
    const std::int64_t period = at / n_;
    const int stream = first_ + static_cast<int>(at % n_);
    return {
        .chunk = period - begins_in(stream), .stream = stream, .due_ns = (period + 1) * chunk_ns_ + phase_ns(stream)};
  }
  /// When a stream's first sample sounds, since the start.
  std::int64_t begin_ns(int stream) const noexcept { return begins_in(stream) * chunk_ns_ + phase_ns(stream); }

 private:
  /// In periods.
  std::int64_t begins_in(int stream) const noexcept { return ramp_ns_ / chunk_ns_ * stream / n_all_; }
  /// Within a period: that of the group's last.
  std::int64_t phase_ns(int stream) const noexcept {
    const int group_end = first_ + std::min(n_, ((stream - first_) / group_ + 1) * group_);
    return chunk_ns_ * (group_end - 1) / n_all_;
  }

  int n_all_;
  int first_;
  int n_;
  int group_;
  std::int64_t chunk_ns_;
  std::int64_t ramp_ns_;
};

}  // namespace melstream::client
