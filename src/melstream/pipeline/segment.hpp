// An unbroken run of a stream's samples, and how the segments of a stream number their frames.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "melstream/core/audio_feed.hpp"
#include "melstream/engine/framing.hpp"

namespace melstream::pipeline {

struct Segment {
  std::int64_t ordinal = 0;                  ///< 0, 1, ... on its stream
  core::SampleIndex begin = 0;               ///< accepted index of its first sample
  core::SampleIndex end = engine::kOpenEnd;  ///< accepted index past its last sample, once known
  core::SampleIndex lost_samples = 0;        ///< timeline samples missing before it
  core::SegmentStart start;

  bool closed() const noexcept { return end != engine::kOpenEnd; }
  core::SampleIndex timeline_of(core::SampleIndex accepted) const noexcept {
    return start.timeline_begin + (accepted - begin);
  }
};

/// Distinct row geometries that a daemon can be asked for; each has a slot. Immutable after construction.
class GeometryTable {
 public:
  explicit GeometryTable(const std::vector<engine::RowGeometry>& geometries);
  std::size_t size() const noexcept { return geometries_.size(); }
  const engine::RowGeometry& operator[](std::size_t slot) const noexcept { return geometries_[slot]; }
  /// Throws Error(kInternal) for a geometry that is not in the table.
  std::size_t slot_of(const engine::RowGeometry& geometry) const;

 private:
  std::vector<engine::RowGeometry> geometries_;
};

/// Numbers the frames of a stream for every geometry of the table, whether anybody computes them or not: a segment's
/// first frame is max(next frame of the one before, ceil(timeline_begin / stride)). So a frame's index does not depend
/// on when somebody subscribed. Not thread-safe; allocates only in the constructor.
class FrameNumbering {
 public:
  explicit FrameNumbering(const GeometryTable& table);
  /// A segment begins at this timeline position.
  void begin(core::SampleIndex timeline_begin) noexcept;
  /// The segment has ended with n_samples.
  void end(std::int64_t n_samples) noexcept;
  /// First frame of the segment that began last.
  core::FrameIndex first_frame(std::size_t slot) const noexcept { return first_[slot]; }
  std::span<const core::FrameIndex> first_frames() const noexcept { return first_; }

 private:
  const GeometryTable& table_;
  std::vector<core::FrameIndex> first_;
  std::vector<core::FrameIndex> next_;
};

}  // namespace melstream::pipeline
