// The newest rows of one front end (and smoothing) of one stream, kept for a number of seconds. The tick thread
// appends; any number of subscriptions read at their own cursors. One plain mutex.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "melstream/core/mapped_array.hpp"
#include "melstream/core/reasons.hpp"
#include "melstream/core/units.hpp"
#include "melstream/engine/engine.hpp"
#include "melstream/pipeline/memory_use.hpp"
#include "melstream/pipeline/segment.hpp"

namespace melstream::pipeline {

/// What goes with a row besides its values.
struct RowInfo {
  float max = 0.0F;                   ///< largest value of the row
  float mean_square = 0.0F;           ///< of the samples that the row advances over, full scale 1
  float peak = 0.0F;                  ///< largest magnitude of the same samples
  float concealed_share = 0.0F;       ///< of the samples that it reads: those made up for a loss, 0 to 1
  bool suppressed = false;            ///< it reads silence that the sender left out
  bool timed = false;                 ///< of live audio, computed as it came: its latency says something
  std::uint32_t computed_us = 0;      ///< from received_mono_ns until it was published, at most 71 minutes
  std::int64_t received_mono_ns = 0;  ///< when the last sample that it needs had arrived
};

/// Adjacent frames of one segment.
struct RowRange {
  core::FrameIndex first_frame = 0;
  std::int32_t n_frames = 0;
  core::SampleIndex first_sample = 0;  ///< timeline position of the first frame
  std::int64_t capture_wall_ns = 0;    ///< capture time of first_sample
  bool segment_start = false;          ///< holds the segment's first frame
  bool segment_end = false;            ///< holds the segment's last frame
};

/// Rows as they lie in the history: in one piece, or in two where its ring wraps.
struct RowView : RowRange {
  std::array<std::span<const float>, 2> values;   ///< [n_frames][n_bins] together, not normalised
  std::array<std::span<const RowInfo>, 2> infos;  ///< [n_frames] together
};

/// Takes the rows that are read.
class RowSink {
 public:
  virtual ~RowSink() = default;
  /// Called with the history's mutex held: copies or encodes, nothing else. The view is valid for this call.
  virtual void take(const RowView& view) = 0;
};

/// Rows copied out.
struct RowBatch final : RowSink, RowRange {
  std::vector<float> values;   ///< [n_frames][n_bins], not normalised
  std::vector<RowInfo> infos;  ///< [n_frames]
  void take(const RowView& view) override;
};

/// Where a reader stands.
struct Cursor {
  core::FrameIndex frame = 0;
  std::int64_t segment_ordinal = -1;  ///< of the frame last read; -1 before the first
};

/// Why a cursor got no rows.
struct Hole {
  core::FrameIndex first_frame = 0;
  std::int64_t n_frames = 0;  ///< 0: a discontinuity
  core::GapReason reason = core::GapReason::kNetLoss;
  bool reader_lost = false;  ///< the rows are gone from the history (or never were in it): no audio was lost
  core::SampleIndex next_sample = 0;
  core::SampleIndex lost_samples = 0;
  std::int64_t lost_source_samples = 0;
};

class FeatureHistory {
 public:
  /// @param capacity_rows rows kept. Maps everything here; throws Error(kResourceExhausted) if it cannot. @param memory
  /// what it counts for, kept as long as it lives.
  FeatureHistory(std::shared_ptr<const engine::Prepared> prepared, std::size_t slot, std::int64_t capacity_rows,
                 MemoryShare memory = {});
  /// What one with so many rows takes.
  static std::int64_t bytes_for(int n_bins, std::int64_t capacity_rows) noexcept;

  const engine::Prepared& prepared() const noexcept { return *prepared_; }
  const engine::FrontEnd& front_end() const noexcept { return prepared_->front_end(); }
  engine::Smoothing smoothing() const noexcept { return prepared_->smoothing(); }
  const engine::RowGeometry& geometry() const noexcept { return geometry_; }
  /// Slot in the stream's GeometryTable.
  std::size_t slot() const noexcept { return slot_; }
  int n_bins() const noexcept { return n_bins_; }
  std::int64_t bytes() const;

  // Tick thread.
  /// Rows follow from this frame on. Called once, before anything else, as soon as the tick thread knows it.
  void attach(core::FrameIndex next_frame);
  /// Rows of `segment` follow, the first of them `first_frame` at the given row of the segment.
  void begin_segment(const Segment& segment, core::FrameIndex first_frame, std::int64_t first_row);
  /// @param values [infos.size()][n_bins]
  void publish(std::span<const float> values, std::span<const RowInfo> infos);
  /// Rows of the current segment up to `first_row`, frame `first_frame`, that are not published will never come, for
  /// segment.start.reason. Lengthens the gap if that is what was told last, so that a hole of any length takes constant
  /// memory: whoever has read its first part gets the rest as another gap beside it.
  void skip(const Segment& segment, core::FrameIndex first_frame, std::int64_t first_row);
  /// The frame that live audio has reached, told while older rows are still being caught up with.
  void set_head(core::FrameIndex head);
  /// No further rows in the current segment.
  void end_segment();
  void end(core::EndReason reason);
  /// Rows that may be published before a blocking reader would lose one.
  std::int64_t room_for_blockers() const;
  /// Lets go of the blocking readers that leave no room and have not moved since this was first called, at least
  /// `patience_ns` ago. From then on they read like others.
  void drop_stuck_blockers(std::int64_t now_mono_ns, std::int64_t patience_ns);

  // Any thread.
  /// Keeps the newest rows only, from now on, and gives the rest's memory back; not below `capacity_rows`, not while a
  /// blocking reader counts on it. Returns the rows that were held and are gone.
  std::int64_t shrink(std::int64_t capacity_rows);
  /// Frame that comes next; nothing before attach().
  std::optional<core::FrameIndex> next_frame() const;
  /// When the last sample of the newest row had arrived; 0 before the first row.
  std::int64_t newest_received_mono_ns() const noexcept {
    return newest_received_mono_ns_.load(std::memory_order_relaxed);
  }
  /// Frame that live audio comes to next: next_frame(), or later while older rows are being caught up with.
  std::optional<core::FrameIndex> head_frame() const;
  /// Timeline position of a frame, exact if held, else extrapolated from the nearest segment.
  core::SampleIndex sample_of(core::FrameIndex frame) const;
  /// First frame still held; next_frame() if none is.
  core::FrameIndex oldest_frame() const;
  std::optional<core::EndReason> ended() const;

  /// What a reader that got nothing waits for.
  struct Wait {
    core::FrameIndex frame = 0;                                                ///< until next_frame() is this far,
    std::int64_t received_mono_ns = std::numeric_limits<std::int64_t>::max();  ///< or rows of then are to be flushed,
    std::uint64_t structure = 0;                                               ///< or segments have changed
  };
  struct ReadResult {
    enum class Kind { kNothing, kRows, kHole, kEnd } kind = Kind::kNothing;
    Hole hole;
    Wait wait;  ///< of kNothing
    core::EndReason end_reason = core::EndReason::kCompleted;
  };
  /// Reads at the cursor and moves it. Rows go up to the next frame that is a multiple of block_frames, so that all
  /// readers have the same blocks. They are given when all of these are there, or the segment is closed, or the oldest
  /// has waited since before `flush_before_mono_ns`. The sink is called for kRows, once.
  ReadResult read(Cursor& cursor, std::int32_t block_frames, std::int64_t flush_before_mono_ns, RowSink& sink) const;

  /// False if read() would give nothing again. Takes no mutex.
  bool has_news(const Wait& wait, std::int64_t flush_before_mono_ns) const noexcept {
    return published_.load(std::memory_order_acquire) >= wait.frame || wait.received_mono_ns <= flush_before_mono_ns ||
           structure_.load(std::memory_order_acquire) != wait.structure;
  }

  /// A blocking reader's cursor, so that the stream waits for it. Returns its key.
  std::uint64_t add_blocker(core::FrameIndex frame);
  void move_blocker(std::uint64_t key, core::FrameIndex frame);
  void remove_blocker(std::uint64_t key);
  /// False once it was dropped.
  bool has_blocker(std::uint64_t key) const;

  /// Subscriptions that hold it; when the last left (monotonic), for forgetting idle front ends.
  std::atomic<std::int32_t> n_readers{0};
  std::atomic<std::int64_t> idle_since_mono_ns{0};

 private:
  /// Adjacent frames of one segment. The row with sequence number q lies at slot q % capacity.
  struct Run {
    Segment segment;
    core::FrameIndex gap_begin = 0;  ///< frames [gap_begin, first_frame) will never come
    core::FrameIndex first_frame = 0;
    std::int64_t first_row = 0;  ///< of the segment
    std::int64_t first_seq = 0;
    std::int64_t n_rows = 0;
    bool closed = false;   ///< no further rows
    bool is_last = false;  ///< and no later run of its segment
    bool skips = false;    ///< the gap before it lies within its segment
  };

  std::int64_t oldest_seq() const noexcept;
  std::int64_t seq_of(core::FrameIndex frame) const noexcept;
  core::SampleIndex sample_in(const Run& run, core::FrameIndex frame) const noexcept;
  ReadResult nothing(core::FrameIndex until, std::int64_t received_mono_ns) const;
  ReadResult gap_before(const Run& run, Cursor& cursor) const;
  ReadResult evicted_until(const Run& run, core::FrameIndex until, Cursor& cursor) const;
  ReadResult discontinuity(const Run& run, Cursor& cursor) const;
  Hole hole_of(const Run& run) const;
  RowView view_of(const Run& run, core::FrameIndex frame, std::int64_t n) const;
  void note_structure() noexcept;
  /// All three need mutex_.
  void push_run(const Segment& segment, core::FrameIndex first_frame, std::int64_t first_row);
  void close_run() noexcept;
  void trim_runs();

  // For has_news(). Writer: the tick thread, with mutex_; readers: any, with it or without. Away from what each
  // publication writes besides.
  alignas(64) std::atomic<core::FrameIndex> published_{-1};  ///< next_frame_
  std::atomic<std::int64_t> newest_received_mono_ns_{0};
  std::atomic<std::uint64_t> structure_{1};  ///< changes with everything but rows
  alignas(64) const std::shared_ptr<const engine::Prepared> prepared_;
  const engine::RowGeometry geometry_;
  const std::size_t slot_;
  const int n_bins_;

  mutable std::mutex mutex_;  // protects all below
  MemoryShare memory_;
  std::int64_t capacity_rows_;
  core::MappedArray<float> values_;
  core::MappedArray<RowInfo> infos_;
  std::vector<Run> runs_;  ///< oldest first; reserved, so that the tick thread allocates nothing
  std::int64_t next_seq_ = 0;
  std::optional<core::FrameIndex> next_frame_;
  core::FrameIndex head_frame_ = 0;
  std::optional<core::EndReason> ended_;
  struct Blocker {
    std::uint64_t key = 0;
    core::FrameIndex frame = 0;
    core::FrameIndex stuck_at = -1;  ///< frame when the stream was first found waiting for it; -1: it is not
    std::int64_t stuck_since_mono_ns = 0;
  };
  std::vector<Blocker> blockers_;
  std::uint64_t next_blocker_ = 1;
};

}  // namespace melstream::pipeline
