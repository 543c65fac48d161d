// A source's sample clock against the monotonic one, from when its samples arrived: the least delayed ones tell when
// samples were captured, and how both clocks drift. Pure state; one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace melstream::audio {

/// Positions are source samples per channel, from any origin, increasing. After a break in them: restart(). Never
/// allocates.
class SourceClock {
 public:
  explicit SourceClock(int rate_hz) noexcept : rate_hz_(rate_hz) {}

  /// @param end position after the newest sample that arrived then.
  void observe(std::int64_t end, std::int64_t arrival_mono_ns) noexcept;
  /// When the sample at a position was captured (that is: as if the fastest of the last 10 s of arrivals had had no
  /// delay). 0 before the first observation.
  std::int64_t capture_mono_ns(std::int64_t position) const noexcept;
  /// By how much an arrival is later than the fastest of the last 10 s. 0 before the first observation.
  std::int64_t delay_ns(std::int64_t end, std::int64_t arrival_mono_ns) const noexcept;
  /// The source's clock against this machine's, over the last minute; positive: it is fast. Nothing before 10 s.
  std::optional<double> drift_ppm() const noexcept;
  void restart() noexcept;

 private:
  /// The least delayed arrival of one second of the source's time.
  struct Second {
    std::int64_t number = -1;
    std::int64_t source_ns = 0;
    std::int64_t offset_ns = 0;  ///< arrival minus source time
  };
  static constexpr std::size_t kSeconds = 64;

  std::int64_t to_ns(std::int64_t position) const noexcept;
  void find_minimum() noexcept;

  int rate_hz_;
  std::int64_t newest_ = -1;  ///< number of the newest second
  std::int64_t minimum_ns_ = 0;
  std::array<Second, kSeconds> seconds_{};
};

}  // namespace melstream::audio
