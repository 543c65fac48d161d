#include "melstream/pipeline/feature_history.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

namespace melstream::pipeline {
namespace {

/// Runs kept: more segments than that within one history, and the oldest go first.
constexpr std::size_t kMaxRuns = 256;

/// Position of a row in its segment: of its base frame, or of the middle one of a valid 3x3 mean.
std::int64_t row_position(const engine::RowGeometry& geometry, std::int64_t row) noexcept {
  const std::int64_t centre = geometry.smoothing == engine::Smoothing::kBox3x3Valid ? geometry.frame.hop : 0;
  return row * engine::row_stride(geometry) + centre;
}

}  // namespace

void RowBatch::take(const RowView& view) {
  const RowRange& range = view;
  static_cast<RowRange&>(*this) = range;
  values.clear();
  infos.clear();
  for (const auto part : view.values) values.insert(values.end(), part.begin(), part.end());
  for (const auto part : view.infos) infos.insert(infos.end(), part.begin(), part.end());
}

FeatureHistory::FeatureHistory(std::shared_ptr<const engine::Prepared> prepared, std::size_t slot,
                               std::int64_t capacity_rows, MemoryShare memory)
    : prepared_(std::move(prepared)),
      geometry_(prepared_->front_end().rows(prepared_->smoothing())),
      slot_(slot),
      n_bins_(prepared_->front_end().n_bins(prepared_->smoothing())),
      memory_(std::move(memory)),
      capacity_rows_(capacity_rows),
      values_(static_cast<std::size_t>(capacity_rows) * static_cast<std::size_t>(n_bins_)),
      infos_(static_cast<std::size_t>(capacity_rows)) {
  runs_.reserve(kMaxRuns);
}

std::int64_t FeatureHistory::bytes_for(int n_bins, std::int64_t capacity_rows) noexcept {
  return capacity_rows * static_cast<std::int64_t>(static_cast<std::size_t>(n_bins) * sizeof(float) + sizeof(RowInfo));
}

std::int64_t FeatureHistory::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_for(n_bins_, capacity_rows_);
}

std::int64_t FeatureHistory::shrink(std::int64_t capacity_rows) {
  const std::lock_guard lock(mutex_);
  if (capacity_rows >= capacity_rows_ || !blockers_.empty()) return 0;
  const auto bins = static_cast<std::size_t>(n_bins_);
  core::MappedArray<float> values(static_cast<std::size_t>(capacity_rows) * bins);
  core::MappedArray<RowInfo> infos(static_cast<std::size_t>(capacity_rows));
  const std::int64_t first = std::max<std::int64_t>(0, next_seq_ - capacity_rows);
  for (std::int64_t seq = first; seq < next_seq_; ++seq) {
    const auto from = static_cast<std::size_t>(seq % capacity_rows_);
    const auto to = static_cast<std::size_t>(seq % capacity_rows);
    std::copy_n(values_.span().begin() + static_cast<std::ptrdiff_t>(from * bins), bins,
                values.span().begin() + static_cast<std::ptrdiff_t>(to * bins));
    infos[to] = infos_[from];
  }
  const std::int64_t n_lost = first - oldest_seq();
  capacity_rows_ = capacity_rows;
  values_ = std::move(values);
  infos_ = std::move(infos);
  memory_.shrink_to(bytes_for(n_bins_, capacity_rows));
  trim_runs();
  note_structure();  // whoever waits for a whole block that no longer fits looks again
  return n_lost;
}

void FeatureHistory::attach(core::FrameIndex next_frame) {
  const std::lock_guard lock(mutex_);
  next_frame_ = next_frame;
  head_frame_ = next_frame;
  note_structure();
}

void FeatureHistory::begin_segment(const Segment& segment, core::FrameIndex first_frame, std::int64_t first_row) {
  const std::lock_guard lock(mutex_);
  assert(next_frame_.has_value() && first_frame >= *next_frame_);
  push_run(segment, first_frame, first_row);
  note_structure();
}

void FeatureHistory::note_structure() noexcept { structure_.fetch_add(1, std::memory_order_release); }

void FeatureHistory::skip(const Segment& segment, core::FrameIndex first_frame, std::int64_t first_row) {
  const std::lock_guard lock(mutex_);
  assert(next_frame_.has_value() && first_frame >= *next_frame_);
  assert(!runs_.empty() && runs_.back().segment.ordinal == segment.ordinal);
  note_structure();
  Run& newest = runs_.back();
  if (newest.skips && newest.n_rows == 0 && newest.segment.start.reason == segment.start.reason) {
    newest.first_frame = first_frame;
    newest.first_row = first_row;
    next_frame_ = first_frame;
    return;
  }
  newest.closed = true;
  push_run(segment, first_frame, first_row);
  runs_.back().skips = true;
}

void FeatureHistory::push_run(const Segment& segment, core::FrameIndex first_frame, std::int64_t first_row) {
  if (runs_.size() == kMaxRuns) runs_.erase(runs_.begin());
  runs_.push_back({.segment = segment,
                   .gap_begin = *next_frame_,
                   .first_frame = first_frame,
                   .first_row = first_row,
                   .first_seq = next_seq_});
  next_frame_ = first_frame;
}

void FeatureHistory::close_run() noexcept {
  if (runs_.empty()) return;
  runs_.back().closed = true;
  runs_.back().is_last = true;
}

void FeatureHistory::publish(std::span<const float> values, std::span<const RowInfo> infos) {
  const std::lock_guard lock(mutex_);
  assert(!runs_.empty() && !runs_.back().closed && values.size() == infos.size() * static_cast<std::size_t>(n_bins_));
  const auto bins = static_cast<std::size_t>(n_bins_);
  for (std::size_t i = 0; i < infos.size(); ++i, ++next_seq_) {
    const auto at = static_cast<std::size_t>(next_seq_ % capacity_rows_);
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(i * bins), bins,
                values_.span().begin() + static_cast<std::ptrdiff_t>(at * bins));
    infos_[at] = infos[i];
  }
  const auto n = static_cast<std::int64_t>(infos.size());
  runs_.back().n_rows += n;
  *next_frame_ += n;
  trim_runs();
  if (!infos.empty()) newest_received_mono_ns_.store(infos.back().received_mono_ns, std::memory_order_relaxed);
  published_.store(*next_frame_, std::memory_order_release);
}

void FeatureHistory::set_head(core::FrameIndex head) {
  const std::lock_guard lock(mutex_);
  head_frame_ = head;
}

void FeatureHistory::end_segment() {
  const std::lock_guard lock(mutex_);
  close_run();
  note_structure();
}

void FeatureHistory::end(core::EndReason reason) {
  const std::lock_guard lock(mutex_);
  if (!next_frame_) next_frame_ = 0;
  close_run();
  if (!ended_) ended_ = reason;
  note_structure();
}

std::int64_t FeatureHistory::room_for_blockers() const {
  const std::lock_guard lock(mutex_);
  if (blockers_.empty()) return std::numeric_limits<std::int64_t>::max();
  std::int64_t oldest = next_seq_;
  for (const Blocker& blocker : blockers_) oldest = std::min(oldest, seq_of(blocker.frame));
  return capacity_rows_ - (next_seq_ - oldest);
}

std::optional<core::FrameIndex> FeatureHistory::next_frame() const {
  const std::lock_guard lock(mutex_);
  return next_frame_;
}

std::optional<core::FrameIndex> FeatureHistory::head_frame() const {
  const std::lock_guard lock(mutex_);
  if (!next_frame_) return std::nullopt;
  return std::max(*next_frame_, head_frame_);
}

core::SampleIndex FeatureHistory::sample_of(core::FrameIndex frame) const {
  const std::lock_guard lock(mutex_);
  for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
    if (frame >= run->first_frame || std::next(run) == runs_.rend())
      return std::max<core::SampleIndex>(0, sample_in(*run, frame));
  }
  return row_position(geometry_, frame);
}

core::FrameIndex FeatureHistory::oldest_frame() const {
  const std::lock_guard lock(mutex_);
  const std::int64_t oldest = oldest_seq();
  for (const Run& run : runs_) {
    if (run.first_seq + run.n_rows > oldest) return run.first_frame + std::max<std::int64_t>(0, oldest - run.first_seq);
  }
  return next_frame_.value_or(0);
}

std::optional<core::EndReason> FeatureHistory::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

FeatureHistory::ReadResult FeatureHistory::read(Cursor& cursor, std::int32_t block_frames,
                                                std::int64_t flush_before_mono_ns, RowSink& sink) const {
  const std::lock_guard lock(mutex_);
  if (!next_frame_) return nothing(0, std::numeric_limits<std::int64_t>::max());
  const std::int64_t oldest = oldest_seq();
  for (const Run& run : runs_) {
    const std::int64_t evicted = std::clamp<std::int64_t>(oldest - run.first_seq, 0, run.n_rows);
    const core::FrameIndex held = run.first_frame + evicted;  // first frame of the run that is still there
    const core::FrameIndex end = run.first_frame + run.n_rows;
    if (evicted == 0 && cursor.frame >= run.gap_begin && cursor.frame < run.first_frame) return gap_before(run, cursor);
    // Of a segment too short for a frame, in the place of none, only the loss before it is to be told.
    const bool is_mute = run.n_rows == 0 && run.closed && cursor.frame == end;
    if (is_mute && cursor.segment_ordinal >= 0 && cursor.segment_ordinal < run.segment.ordinal) {
      return discontinuity(run, cursor);
    }
    if (cursor.frame >= end) continue;
    if (cursor.frame < held) {  // gone, or never computed
      const core::FrameIndex until = evicted == 0 ? std::min(run.gap_begin, held) : held;
      return evicted_until(run, until, cursor);
    }
    if (cursor.segment_ordinal >= 0 && cursor.segment_ordinal != run.segment.ordinal) return discontinuity(run, cursor);
    const std::int64_t n_whole = block_frames - cursor.frame % block_frames;
    const std::int64_t n = std::min(n_whole, end - cursor.frame);
    const std::int64_t first_at = run.first_seq + (cursor.frame - run.first_frame);
    const std::int64_t received = infos_[static_cast<std::size_t>(first_at % capacity_rows_)].received_mono_ns;
    if (n < n_whole && !run.closed && received > flush_before_mono_ns) {
      // Or until the first of them is overwritten.
      return nothing(cursor.frame + std::min(n_whole, capacity_rows_ + 1), received);
    }
    sink.take(view_of(run, cursor.frame, n));
    cursor.frame += n;
    cursor.segment_ordinal = run.segment.ordinal;
    return {.kind = ReadResult::Kind::kRows, .hole = {}};
  }
  if (!ended_) return nothing(cursor.frame + 1, std::numeric_limits<std::int64_t>::max());
  if (cursor.frame < *next_frame_) {  // its run was forgotten
    const Hole hole{.first_frame = cursor.frame, .n_frames = *next_frame_ - cursor.frame, .reader_lost = true};
    cursor.frame = *next_frame_;
    return {.kind = ReadResult::Kind::kHole, .hole = hole};
  }
  return {.kind = ReadResult::Kind::kEnd, .hole = {}, .end_reason = *ended_};
}

FeatureHistory::ReadResult FeatureHistory::nothing(core::FrameIndex until, std::int64_t received_mono_ns) const {
  return {.kind = ReadResult::Kind::kNothing,
          .hole = {},
          .wait = {.frame = until,
                   .received_mono_ns = received_mono_ns,
                   .structure = structure_.load(std::memory_order_relaxed)}};
}

FeatureHistory::ReadResult FeatureHistory::gap_before(const Run& run, Cursor& cursor) const {
  Hole hole = hole_of(run);
  hole.first_frame = cursor.frame;
  hole.n_frames = run.first_frame - cursor.frame;
  cursor = {.frame = run.first_frame, .segment_ordinal = run.segment.ordinal};
  return {.kind = ReadResult::Kind::kHole, .hole = hole};
}

FeatureHistory::ReadResult FeatureHistory::evicted_until(const Run& run, core::FrameIndex until, Cursor& cursor) const {
  const Hole hole{.first_frame = cursor.frame,
                  .n_frames = until - cursor.frame,
                  .reason = core::GapReason::kHistoryEvicted,
                  .reader_lost = true,
                  .next_sample = sample_in(run, std::max(until, run.first_frame))};
  // Up to a true gap the cursor stays before the run; past it, the gap stands for the change of segment.
  cursor = {.frame = until, .segment_ordinal = until >= run.first_frame ? run.segment.ordinal : cursor.segment_ordinal};
  return {.kind = ReadResult::Kind::kHole, .hole = hole};
}

FeatureHistory::ReadResult FeatureHistory::discontinuity(const Run& run, Cursor& cursor) const {
  Hole hole = hole_of(run);
  hole.first_frame = cursor.frame;
  cursor.segment_ordinal = run.segment.ordinal;
  return {.kind = ReadResult::Kind::kHole, .hole = hole};
}

Hole FeatureHistory::hole_of(const Run& run) const {
  return {.reason = run.segment.start.reason,
          .next_sample = sample_in(run, run.first_frame),
          .lost_samples = run.segment.lost_samples,
          .lost_source_samples = run.segment.start.lost_source_samples};
}

RowView FeatureHistory::view_of(const Run& run, core::FrameIndex frame, std::int64_t n) const {
  RowView view;
  view.first_frame = frame;
  view.n_frames = static_cast<std::int32_t>(n);
  view.first_sample = sample_in(run, frame);
  view.capture_wall_ns =
      run.segment.start.capture_wall_ns + core::samples_to_ns(view.first_sample - run.segment.start.timeline_begin);
  view.segment_start = run.first_row + (frame - run.first_frame) == 0;
  view.segment_end = run.is_last && frame + n == run.first_frame + run.n_rows;
  const auto at = static_cast<std::size_t>((run.first_seq + (frame - run.first_frame)) % capacity_rows_);
  const auto n_rows = static_cast<std::size_t>(n);
  const std::size_t n_unwrapped = std::min(n_rows, static_cast<std::size_t>(capacity_rows_) - at);
  const auto bins = static_cast<std::size_t>(n_bins_);
  view.values = {values_.span().subspan(at * bins, n_unwrapped * bins),
                 values_.span().first((n_rows - n_unwrapped) * bins)};
  view.infos = {infos_.span().subspan(at, n_unwrapped), infos_.span().first(n_rows - n_unwrapped)};
  return view;
}

std::int64_t FeatureHistory::oldest_seq() const noexcept {
  return std::max<std::int64_t>(0, next_seq_ - capacity_rows_);
}

std::int64_t FeatureHistory::seq_of(core::FrameIndex frame) const noexcept {
  for (const Run& run : runs_) {
    if (frame < run.first_frame) return std::max(run.first_seq, oldest_seq());
    if (frame < run.first_frame + run.n_rows) return std::max(run.first_seq + (frame - run.first_frame), oldest_seq());
  }
  return next_seq_;
}

core::SampleIndex FeatureHistory::sample_in(const Run& run, core::FrameIndex frame) const noexcept {
  return run.segment.start.timeline_begin + row_position(geometry_, run.first_row + (frame - run.first_frame));
}

void FeatureHistory::trim_runs() {
  const std::int64_t oldest = oldest_seq();
  const auto kept = std::find_if(runs_.begin(), runs_.end(), [oldest](const Run& run) {
    // One without rows still tells of the gap before it, as long as its neighbours' rows are held.
    return !run.closed || run.first_seq + run.n_rows > oldest || (run.n_rows == 0 && run.first_seq >= oldest);
  });
  runs_.erase(runs_.begin(), kept);
}

std::uint64_t FeatureHistory::add_blocker(core::FrameIndex frame) {
  const std::lock_guard lock(mutex_);
  blockers_.push_back({.key = next_blocker_, .frame = frame});
  return next_blocker_++;
}

void FeatureHistory::move_blocker(std::uint64_t key, core::FrameIndex frame) {
  const std::lock_guard lock(mutex_);
  for (Blocker& blocker : blockers_) {
    if (blocker.key == key) blocker.frame = frame;
  }
}

void FeatureHistory::drop_stuck_blockers(std::int64_t now_mono_ns, std::int64_t patience_ns) {
  const std::lock_guard lock(mutex_);
  for (Blocker& blocker : blockers_) {
    if (next_seq_ - seq_of(blocker.frame) < capacity_rows_) {
      blocker.stuck_at = -1;
    } else if (blocker.stuck_at != blocker.frame) {
      blocker.stuck_at = blocker.frame;
      blocker.stuck_since_mono_ns = now_mono_ns;
    }
  }
  std::erase_if(blockers_, [&](const Blocker& blocker) {
    return blocker.stuck_at >= 0 && now_mono_ns - blocker.stuck_since_mono_ns >= patience_ns;
  });
}

bool FeatureHistory::has_blocker(std::uint64_t key) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(blockers_.begin(), blockers_.end(), [key](const Blocker& blocker) { return blocker.key == key; });
}

void FeatureHistory::remove_blocker(std::uint64_t key) {
  const std::lock_guard lock(mutex_);
  std::erase_if(blockers_, [key](const Blocker& blocker) { return blocker.key == key; });
}

}  // namespace melstream::pipeline
