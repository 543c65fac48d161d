// The newest segments of one stream, with the number of each one's first frame for every geometry that the stream can
// be asked for. Tick thread only; allocates only in the constructor.
#pragma once

#include <cstdint>
#include <vector>

#include "melstream/core/audio_feed.hpp"
#include "melstream/pipeline/segment.hpp"

namespace melstream::pipeline {

/// A segment, and the number of its first frame for each slot of the geometry table.
struct NumberedSegment {
  Segment segment;
  std::vector<core::FrameIndex> first_frames;
};

class SegmentLog {
 public:
  explicit SegmentLog(const GeometryTable& geometries);

  /// A segment begins at this boundary; the one before is closed.
  const Segment& begin(const core::Boundary& boundary) noexcept;
  /// The newest segment ends at this accepted index. False, and nothing done, if none is open.
  bool end(core::SampleIndex at) noexcept;
  /// Null for one that is forgotten or still to come.
  const NumberedSegment* find(std::int64_t ordinal) const noexcept;
  const NumberedSegment* newest() const noexcept { return find(n_segments_ - 1); }
  /// Segments so far: the next one's ordinal.
  std::int64_t size() const noexcept { return n_segments_; }
  /// Ordinal of the oldest that find() still finds.
  std::int64_t oldest() const noexcept;

 private:
  FrameNumbering numbering_;
  std::vector<NumberedSegment> segments_;  ///< ring: segment with ordinal o at o % size
  std::int64_t n_segments_ = 0;
  core::SampleIndex timeline_end_ = 0;    ///< of the newest segment
  std::int64_t capture_end_wall_ns_ = 0;  ///< capture time past the newest closed segment
};

}  // namespace melstream::pipeline
