// Keeps the timeline of a microphone in step with this machine's steady clock: how many samples are missing, and how
// fast the device's clock is. Formula only; the ingest thread asks.
//
// A block's lateness is its capture time minus the timeline's time at it. Callbacks come late, never early, so the
// least lateness of the last seconds tells where the timeline truly is; it moves with the device's drift. When a device
// comes back, or all blocks of 2 s are late, the excess is time that no sample covers. (Not in a device's first 2 s:
// servers fill their buffers then.)
#pragma once

#include <cstdint>
#include <optional>

#include "melstream/audio/source_clock.hpp"
#include "melstream/core/capture_ring.hpp"

namespace melstream::audio {

class CaptureClock {
 public:
  explicit CaptureClock(int sample_rate_hz) : rate_(sample_rate_hz), drift_(sample_rate_hz) {}

  /// Samples per channel that are missing before this block; take them as advanced. Never negative.
  /// @param reopened the first of a device that was opened just now.
  std::int64_t missing_before(const core::CaptureBlock& block, bool reopened);
  /// Samples per channel between the timeline's end and this time: what an outage has cost so far. 0 before the first
  /// block.
  std::int64_t missing_until(std::int64_t mono_ns) const;
  /// The timeline grew, by samples or by a loss.
  void advance(std::int64_t n_samples) { position_ += n_samples; }
  /// A gap was made: the drift is measured anew.
  void forget_drift() { drift_.restart(); }
  /// Of the device's sample clock against this machine's over the last 60 s; positive: it is fast. Nothing before 10 s.
  std::optional<double> drift_ppm() const { return drift_.drift_ppm(); }

 private:
  struct Point {
    std::int64_t at_ns = 0;
    std::int64_t lateness_ns = 0;
  };
  std::int64_t lateness_ns(std::int64_t mono_ns) const;
  std::int64_t samples_of(std::int64_t ns) const;

  const std::int64_t rate_;
  bool begun_ = false;
  std::int64_t origin_ns_ = 0;  // capture time of the first sample
  std::int64_t position_ = 0;   // samples since then, with those lost
  std::int64_t baseline_ns_ = 0;
  bool settled_ = false;  // the device's first spell is over
  Point spell_;           // when it began; the least lateness since
  SourceClock drift_;
};

}  // namespace melstream::audio
