#include "melstream/core/audio_feed.hpp"

#include <algorithm>
#include <cassert>

namespace melstream::core {

std::size_t AudioFeed::room() noexcept {
  // Two: one for a segment start, and one that stays free so that finish() always finds its place.
  return boundaries_.room() < 2 ? 0 : ring_.room();
}

void AudioFeed::begin_segment(const SegmentStart& segment) noexcept {
  assert(boundaries_.room() >= 2 && !finished_);
  boundaries_.push({.at = ring_.written(), .kind = Boundary::Kind::kSegmentStart, .segment = segment});
}

void AudioFeed::write(std::span<const float> samples, std::int64_t received_mono_ns) noexcept {
  if (samples.empty()) return;
  assert(samples.size() <= ring_.room() && !finished_);
  // Before the samples, so that whoever sees them sees the stamp. When the queue is full the stamp is dropped, and
  // these samples take that of the next write: too late by a chunk, never too early.
  arrivals_.push({ring_.written() + static_cast<SampleIndex>(samples.size()), received_mono_ns});
  ring_.write(samples);
}

void AudioFeed::finish(EndReason reason) noexcept {
  if (finished_) return;
  finished_ = true;
  [[maybe_unused]] const bool pushed =
      boundaries_.push({.at = ring_.written(), .kind = Boundary::Kind::kEnd, .segment = {}, .end_reason = reason});
  assert(pushed);
}

std::int64_t AudioFeed::received_mono_ns(SampleIndex index) noexcept {
  const Arrival* arrival = arrivals_.front();
  while (arrival != nullptr && arrival->end <= index) {
    last_arrival_ = *arrival;
    arrivals_.pop();
    arrival = arrivals_.front();
  }
  return arrival != nullptr ? arrival->mono_ns : last_arrival_.mono_ns;
}

}  // namespace melstream::core
