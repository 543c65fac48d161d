#include "melstream/core/audio_feed.hpp"

#include <algorithm>
#include <cassert>

namespace melstream::core {

std::size_t AudioFeed::room() noexcept { return can_begin_segment() ? ring_.room() : 0; }

void AudioFeed::begin_segment(const SegmentStart& segment) noexcept {
  assert(can_begin_segment() && !finished());
  boundaries_.push({.at = ring_.written(), .kind = Boundary::Kind::kSegmentStart, .segment = segment});
}

void AudioFeed::write(std::span<const float> samples, std::int64_t received_mono_ns) noexcept {
  if (samples.empty()) return;
  assert(samples.size() <= ring_.room() && !finished());
  // Before the samples, so that whoever sees them sees the stamp. When the queue is full the stamp is dropped, and
  // these samples take that of the next write: too late by a chunk, never too early.
  arrivals_.push({ring_.written() + static_cast<SampleIndex>(samples.size()), received_mono_ns});
  ring_.write(samples);
}

void AudioFeed::mark(const FilledSpan& span) noexcept {
  if (span.begin >= span.end) return;
  assert(can_mark() && !finished() && span.begin >= ring_.written());
  filled_.push(span);
}

void AudioFeed::finish(EndReason reason) noexcept {
  if (finished_.exchange(true, std::memory_order_acq_rel)) return;
  [[maybe_unused]] const bool pushed =
      boundaries_.push({.at = ring_.written(), .kind = Boundary::Kind::kEnd, .segment = {}, .end_reason = reason});
  assert(pushed);
}

std::int64_t AudioFeed::received_mono_ns(SampleIndex index) noexcept {
  // No further ahead than the index needs, or frequent calls would push what readers behind still need out of kept_.
  while (n_popped_ == 0 || kept_[(n_popped_ - 1) % kKeptArrivals].end <= index) {
    const Arrival* const arrival = arrivals_.front();
    if (arrival == nullptr) break;
    kept_[n_popped_++ % kKeptArrivals] = *arrival;
    arrivals_.pop();
  }
  if (n_popped_ == 0) return 0;
  // Backwards from the newest to the first write that reaches past the index: a few steps, since readers are near the
  // head.
  std::uint64_t at = n_popped_ - 1;
  const std::uint64_t oldest = n_popped_ > kKeptArrivals ? n_popped_ - kKeptArrivals : 0;
  while (at > oldest && kept_[(at - 1) % kKeptArrivals].end > index) --at;
  return kept_[at % kKeptArrivals].mono_ns;
}

}  // namespace melstream::core
