#include "melstream/pipeline/segment_log.hpp"

#include <algorithm>

namespace melstream::pipeline {
namespace {

/// Segments known at once; a front end that is further behind than that skips to the oldest.
constexpr std::int64_t kSegments = 64;

}  // namespace

SegmentLog::SegmentLog(const GeometryTable& geometries) : numbering_(geometries), segments_(kSegments) {
  for (NumberedSegment& segment : segments_) segment.first_frames.resize(geometries.size());
}

const Segment& SegmentLog::begin(const core::Boundary& boundary) noexcept {
  NumberedSegment& slot = segments_[static_cast<std::size_t>(n_segments_ % kSegments)];
  slot.segment = {.ordinal = n_segments_,
                  .begin = boundary.at,
                  .lost_samples = boundary.segment.timeline_begin - timeline_end_,
                  .start = boundary.segment};
  // Capture time never decreases within an epoch, whatever the clock of the source does.
  slot.segment.start.capture_wall_ns = std::max(boundary.segment.capture_wall_ns, capture_end_wall_ns_);
  numbering_.begin(boundary.segment.timeline_begin);
  std::copy(numbering_.first_frames().begin(), numbering_.first_frames().end(), slot.first_frames.begin());
  ++n_segments_;
  return slot.segment;
}

bool SegmentLog::end(core::SampleIndex at) noexcept {
  if (n_segments_ == 0) return false;
  Segment& segment = segments_[static_cast<std::size_t>((n_segments_ - 1) % kSegments)].segment;
  if (segment.closed()) return false;
  segment.end = at;
  numbering_.end(at - segment.begin);
  timeline_end_ = segment.timeline_of(at);
  capture_end_wall_ns_ = segment.start.capture_wall_ns + core::samples_to_ns(at - segment.begin);
  return true;
}

std::int64_t SegmentLog::oldest() const noexcept { return std::max<std::int64_t>(0, n_segments_ - kSegments); }

const NumberedSegment* SegmentLog::find(std::int64_t ordinal) const noexcept {
  if (ordinal < oldest() || ordinal >= n_segments_) return nullptr;
  return &segments_[static_cast<std::size_t>(ordinal % kSegments)];
}

}  // namespace melstream::pipeline
