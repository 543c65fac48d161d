// The tick thread's side of one stream: takes samples and boundaries from the feed, keeps the segments, and cuts the
// rows that are ready into lanes. Tick thread only; allocates only in the constructor and when histories change.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "melstream/pipeline/level.hpp"
#include "melstream/pipeline/stream.hpp"
#include "melstream/pipeline/tick_batch.hpp"

namespace melstream::pipeline {

class StreamFramer {
 public:
  explicit StreamFramer(std::shared_ptr<Stream> stream);

  Stream& stream() noexcept { return *stream_; }
  /// Takes what the feed holds: samples to the audio history and the level, boundaries to the segments.
  void take_in();
  /// Adds a lane for every front end with rows ready. False if the batch is full: run it and call again.
  bool add_lanes(TickBatch& batch);
  /// After the batch has run: gives samples back to the feed. True if rows are still ready, so that a pass should
  /// follow at once.
  bool release();
  /// The stream has ended and every row of it is published.
  std::optional<core::EndReason> finished() const noexcept;
  /// The histories that finished() speaks of.
  std::uint64_t histories_version() const noexcept { return lines_version_; }

 private:
  /// A segment, and the number of its first frame for each slot of the geometry table.
  struct NumberedSegment {
    Segment segment;
    std::vector<core::FrameIndex> first_frames;
  };
  /// A history's place in the segments.
  struct Line {
    std::shared_ptr<FeatureHistory> history;
    std::int64_t ordinal = -1;  ///< segment it is in; -1 before the first
    std::int64_t next_row = 0;  ///< of that segment
    bool attached = false;
    bool in_segment = false;  ///< begin_segment() told, end_segment() not yet
    std::uint64_t pass = 0;   ///< last pass that gave it a lane
  };

  void sync_lines();
  void advance_to(core::SampleIndex accepted);
  void open_segment(const core::Boundary& boundary);
  void close_segment(core::SampleIndex at);
  void attach(Line& line);
  bool add_lane(Line& line, TickBatch& batch);
  bool next_segment(Line& line);
  void skip_lost_rows(Line& line, const NumberedSegment& segment);
  NumberedSegment* find_segment(std::int64_t ordinal) noexcept;
  std::int64_t rows_available(const Line& line, const Segment& segment) const noexcept;
  core::SampleIndex oldest_sample() const noexcept;
  core::SampleIndex needed_from(const Line& line) noexcept;
  bool has_work(const Line& line) noexcept;
  void tell_head(Line& line);

  const std::shared_ptr<Stream> stream_;
  core::AudioFeed& feed_;
  FrameNumbering numbering_;
  std::vector<NumberedSegment> segments_;  ///< ring: segment with ordinal o at o % size
  std::int64_t n_segments_ = 0;
  core::SampleIndex seen_ = 0;
  core::SampleIndex timeline_end_ = 0;    ///< of the newest segment
  std::int64_t capture_end_wall_ns_ = 0;  ///< capture time past the newest closed segment
  std::optional<core::EndReason> end_;
  std::vector<Line> lines_;
  std::uint64_t lines_version_ = 0;
  std::uint64_t pass_ = 0;
  std::vector<std::int64_t> received_;  ///< scratch, one a row of a lane
  LevelMeter level_;
};

}  // namespace melstream::pipeline
