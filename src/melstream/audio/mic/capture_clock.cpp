#include "melstream/audio/mic/capture_clock.hpp"

#include <algorithm>

#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

constexpr std::int64_t kSpellNs = 2 * core::kNsPerSecond;
// Blocks that are all later than before by less than this are no loss: a server may change its buffering.
constexpr std::int64_t kToleranceNs = core::kNsPerSecond / 20;

}  // namespace

std::int64_t CaptureClock::lateness_ns(std::int64_t mono_ns) const {
  const std::int64_t length_ns =
      position_ / rate_ * core::kNsPerSecond + position_ % rate_ * core::kNsPerSecond / rate_;
  return mono_ns - origin_ns_ - length_ns;
}

std::int64_t CaptureClock::samples_of(std::int64_t ns) const {
  return ns / core::kNsPerSecond * rate_ +
         (ns % core::kNsPerSecond * rate_ + core::kNsPerSecond / 2) / core::kNsPerSecond;
}

std::int64_t CaptureClock::missing_until(std::int64_t mono_ns) const {
  return begun_ ? samples_of(std::max<std::int64_t>(0, lateness_ns(mono_ns) - baseline_ns_)) : 0;
}

std::int64_t CaptureClock::missing_before(const core::CaptureBlock& block, bool reopened) {
  const bool first = !begun_;
  if (first) origin_ns_ = block.capture_mono_ns;
  begun_ = true;
  const bool spell_ends = !first && !reopened && block.capture_mono_ns - spell_.at_ns >= kSpellNs;
  std::int64_t missing = reopened ? missing_until(block.capture_mono_ns) : 0;
  if (spell_ends && settled_ && spell_.lateness_ns - baseline_ns_ > kToleranceNs) {
    missing = samples_of(spell_.lateness_ns - baseline_ns_);
  } else if (spell_ends) {
    baseline_ns_ = spell_.lateness_ns;
  }
  position_ += missing;
  const std::int64_t lateness = lateness_ns(block.capture_mono_ns);
  if (first || reopened || spell_ends) {
    settled_ = spell_ends;
    spell_ = {.at_ns = block.capture_mono_ns, .lateness_ns = lateness};
  }
  spell_.lateness_ns = std::min(spell_.lateness_ns, lateness);
  if (missing > 0 || reopened) forget_drift();
  drift_.observe(position_, block.capture_mono_ns);
  return missing;
}

}  // namespace melstream::audio
