#include "melstream/audio/source_clock.hpp"

#include <algorithm>

#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

constexpr std::int64_t kMinimumSeconds = 10;
constexpr std::int64_t kDriftSeconds = 60;
constexpr std::int64_t kLeastDriftSeconds = 10;

}  // namespace

std::int64_t SourceClock::to_ns(std::int64_t position) const noexcept {
  // In two parts: the product alone would overflow after 13 days at 8 kHz.
  return position / rate_hz_ * core::kNsPerSecond + position % rate_hz_ * core::kNsPerSecond / rate_hz_;
}

void SourceClock::observe(std::int64_t end, std::int64_t arrival_mono_ns) noexcept {
  const std::int64_t source_ns = to_ns(end);
  const std::int64_t offset_ns = arrival_mono_ns - source_ns;
  const std::int64_t number = source_ns / core::kNsPerSecond;
  if (number <= newest_ - kMinimumSeconds) return;  // a straggler
  Second& second = seconds_[static_cast<std::uint64_t>(number) % kSeconds];
  if (second.number != number || offset_ns < second.offset_ns) second = {number, source_ns, offset_ns};
  if (number > newest_) {
    newest_ = number;
    find_minimum();
  } else {
    minimum_ns_ = std::min(minimum_ns_, offset_ns);
  }
}

void SourceClock::find_minimum() noexcept {
  minimum_ns_ = seconds_[static_cast<std::uint64_t>(newest_) % kSeconds].offset_ns;
  for (std::int64_t number = std::max<std::int64_t>(newest_ - kMinimumSeconds + 1, 0); number < newest_; ++number) {
    const Second& second = seconds_[static_cast<std::uint64_t>(number) % kSeconds];
    if (second.number == number) minimum_ns_ = std::min(minimum_ns_, second.offset_ns);
  }
}

std::int64_t SourceClock::capture_mono_ns(std::int64_t position) const noexcept {
  return newest_ < 0 ? 0 : to_ns(position) + minimum_ns_;
}

std::int64_t SourceClock::delay_ns(std::int64_t end, std::int64_t arrival_mono_ns) const noexcept {
  return newest_ < 0 ? 0 : std::max<std::int64_t>(arrival_mono_ns - to_ns(end) - minimum_ns_, 0);
}

std::optional<double> SourceClock::drift_ppm() const noexcept {
  // Least squares of the offset over the source's time, both from the newest second, so that doubles hold them.
  double n = 0;
  double sum_x = 0;
  double sum_y = 0;
  double sum_xx = 0;
  double sum_xy = 0;
  std::int64_t oldest = newest_;
  const Second& origin = seconds_[static_cast<std::uint64_t>(std::max<std::int64_t>(newest_, 0)) % kSeconds];
  for (const Second& second : seconds_) {
    // The newest is not over yet: its least delayed arrival may still come.
    if (second.number < 0 || second.number >= newest_ || second.number < newest_ - kDriftSeconds) continue;
    oldest = std::min(oldest, second.number);
    const auto x = static_cast<double>(second.source_ns - origin.source_ns);
    const auto y = static_cast<double>(second.offset_ns - origin.offset_ns);
    n += 1;
    sum_x += x;
    sum_y += y;
    sum_xx += x * x;
    sum_xy += x * y;
  }
  const double spread = n * sum_xx - sum_x * sum_x;
  if (n < 3 || newest_ - oldest < kLeastDriftSeconds || spread <= 0) return std::nullopt;
  // A fast source's samples come ever earlier than its own clock says.
  return -(n * sum_xy - sum_x * sum_y) / spread * 1e6;
}

void SourceClock::restart() noexcept {
  newest_ = -1;
  minimum_ns_ = 0;
  seconds_.fill({});
}

}  // namespace melstream::audio
