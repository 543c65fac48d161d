// The tick thread's side of one stream: takes samples and boundaries from the feed, keeps the segments, and cuts the
// rows that are ready into lanes. Tick thread only; allocates only in the constructor and when histories change.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "melstream/pipeline/counters.hpp"
#include "melstream/pipeline/level.hpp"
#include "melstream/pipeline/segment_log.hpp"
#include "melstream/pipeline/stream.hpp"
#include "melstream/pipeline/tick_batch.hpp"

namespace melstream::pipeline {

/// Which rows come first when there is not time for all.
enum class Share : std::uint8_t {
  kLive,   ///< rows of live audio: their samples are lost if they wait for longer than the ring holds
  kSpare,  ///< rows that can wait: of streams that are held back, and those caught up with from the audio history
};

class StreamFramer {
 public:
  /// @param counters outlive the framer.
  StreamFramer(std::shared_ptr<Stream> stream, Counters& counters);

  Stream& stream() noexcept { return *stream_; }
  bool is_shed() const noexcept { return is_shed_; }
  bool is_live() const noexcept { return stream_->pacing() == Pacing::kLive; }
  /// Asks the processor for the samples that take_in() will read: with thousands of streams, none of a stream's memory
  /// is in its caches any more when its turn comes.
  void prefetch() const noexcept;
  /// Takes what the feed holds: samples to the audio history and the level, boundaries to the segments.
  void take_in(std::int64_t now_mono_ns);
  /// Adds a lane for every front end with rows of this share ready, at most one a front end between two calls of
  /// take_in(). @param max_rows of each lane, at least 1. False if the batch is full: start it and call again.
  bool add_lanes(TickBatch& batch, Share share, std::int64_t max_rows);
  /// After the batches have run: gives samples back to the feed. True if rows are still ready, so that a pass should
  /// follow at once.
  bool release();
  /// The stream has ended and every row of it is published.
  std::optional<core::EndReason> finished() const noexcept;
  /// The histories that finished() speaks of.
  std::uint64_t histories_version() const noexcept { return lines_version_; }
  /// Call in every pass: an ended stream waits no longer than a minute for a blocking reader that does not read.
  void drop_stuck_blockers(std::int64_t now_mono_ns);

  // When the machine is too slow: stream_framer_shed.cpp.
  /// Front ends with rows of Share::kLive.
  std::int64_t n_live_front_ends() const noexcept;
  /// Frames a second that live audio asks for, at the rate at which it comes.
  double frames_per_s() const noexcept;
  /// When the oldest row of live audio that could be computed could first have been; nothing if none waits.
  std::optional<std::int64_t> waiting_since_mono_ns();
  /// Instead of add_lanes(): the rows that are ready will never come. The histories hear of it at once, then after
  /// every second of audio. Returns the number of rows.
  std::int64_t shed();
  /// Before add_lanes() again: as shed(), and the histories hear of the rest. Does nothing on a stream that is not
  /// shed.
  std::int64_t resume();

 private:
  /// A history's place in the segments.
  struct Line {
    std::shared_ptr<FeatureHistory> history;
    std::int64_t ordinal = -1;     ///< segment it is in; -1 before the first
    std::int64_t next_row = 0;     ///< of that segment
    std::int64_t n_rows = 0;       ///< of that segment, so far: kept, since it is asked for several times a pass
    core::SampleIndex needed = 0;  ///< oldest sample that rows from next_row on may read
    bool attached = false;
    bool in_segment = false;         ///< begin_segment() told, end_segment() not yet
    std::uint64_t pass = 0;          ///< last pass that gave it a lane
    bool skipping = false;           ///< some of the rows before next_row were shed
    std::int64_t n_untold_rows = 0;  ///< of these, how many the history does not know of
  };

  void sync_lines();
  void advance_to(core::SampleIndex accepted);
  void close_segment(core::SampleIndex at);
  void take_filled_spans();
  void count_arrivals(std::int64_t now_mono_ns) noexcept;
  void attach(Line& line);
  bool add_lane(Line& line, TickBatch& batch, Share share, std::int64_t max_rows);
  /// Sets what the samples of a lane say of its rows.
  void annotate(const engine::Lane& lane, const Line& line, const Segment& segment, std::span<RowInfo> rows);
  /// Everything before `row` is done with.
  static void go_to(Line& line, const Segment& segment, std::int64_t row);
  void enter(Line& line, const Segment& segment, std::int64_t row);
  bool next_segment(Line& line);
  void skip_lost_rows(Line& line, const NumberedSegment& segment);
  /// The history hears that the rows before line.next_row that it does not have will never come.
  static void tell_skipped(const Line& line, const NumberedSegment& segment, core::GapReason reason);
  std::int64_t shed_line(Line& line, bool tell_all);
  std::int64_t rows_of(const Line& line, const Segment& segment) const noexcept;
  core::SampleIndex oldest_sample() const noexcept;
  core::SampleIndex needed_from(const Line& line) const noexcept;
  core::SampleIndex needed_when_caught_up(const Line& line) const noexcept;
  /// Reads from the audio history, because the feed has let go of what it needs.
  bool is_catching_up(const Line& line) const noexcept { return needed_from(line) < feed_.ring().released(); }
  Share share_of(const Line& line) const noexcept {
    return is_live() && !is_catching_up(line) ? Share::kLive : Share::kSpare;
  }
  bool has_work(const Line& line) const;
  std::int64_t room_for_blockers(const Line& line) const;
  void tell_head(Line& line);

  const std::shared_ptr<Stream> stream_;
  Counters& counters_;
  core::AudioFeed& feed_;
  SegmentLog segments_;
  core::SampleIndex seen_ = 0;
  std::optional<core::EndReason> end_;
  std::vector<Line> lines_;
  std::uint64_t lines_version_ = 0;
  std::uint64_t pass_ = 0;
  LevelMeter level_;
  bool is_shed_ = false;
  // Arrivals in windows of a second.
  std::int64_t window_begin_mono_ns_ = 0;
  core::SampleIndex window_seen_ = 0;  ///< seen_ when it began
  double last_window_samples_per_s_ = 0.0;
};

}  // namespace melstream::pipeline
