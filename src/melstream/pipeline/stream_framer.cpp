#include "melstream/pipeline/stream_framer.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

namespace melstream::pipeline {
namespace {

/// Samples that one lane spans at most, so that no stream holds up the others for long (and two blocks hold them).
constexpr std::int64_t kLaneSamples = 10240;

/// An ended stream gives up on a blocking reader that has not read for this long.
constexpr std::int64_t kBlockerPatienceNs = 60 * core::kNsPerSecond;

/// First row that needs nothing before `held`.
std::int64_t first_row_within(const engine::RowGeometry& geometry, std::int64_t held) noexcept {
  if (held <= 0) return 0;
  std::int64_t row = held / engine::row_stride(geometry);
  while (engine::first_sample_needed(geometry, row) < held) ++row;
  return row;
}

std::int64_t rows_per_lane(const engine::RowGeometry& geometry) noexcept {
  return std::max<std::int64_t>(
      1, (kLaneSamples - 2 * geometry.frame.window) / engine::row_stride(geometry) - geometry.lfr.m);
}

}  // namespace

StreamFramer::StreamFramer(std::shared_ptr<Stream> stream, Counters& counters)
    : stream_(std::move(stream)), counters_(counters), feed_(stream_->feed()), segments_(stream_->geometries()) {}

void StreamFramer::prefetch() const noexcept {
  constexpr std::size_t kChunkSamples = 320;  // 20 ms: what most senders send at once
  feed_.ring().prefetch(seen_, kChunkSamples);
}

void StreamFramer::take_in(std::int64_t now_mono_ns) {
  ++pass_;
  sync_lines();
  const core::SampleIndex written = feed_.ring().written();
  take_filled_spans();
  for (const core::Boundary* boundary = feed_.boundary(); boundary != nullptr && boundary->at <= written && !end_;
       boundary = feed_.boundary()) {
    advance_to(boundary->at);
    close_segment(boundary->at);
    if (boundary->kind == core::Boundary::Kind::kSegmentStart) {
      const Segment& segment = segments_.begin(*boundary);
      stream_->begin_segment(segment);
      if (segment.lost_samples > 0) {
        counters_.gap_samples_by[static_cast<std::size_t>(segment.start.reason)].fetch_add(segment.lost_samples,
                                                                                           std::memory_order_relaxed);
      }
    } else {
      end_ = boundary->end_reason;
    }
    feed_.pop_boundary();
  }
  advance_to(written);
  stream_->set_seen(seen_);
  if (end_) stream_->set_all_seen(now_mono_ns);
  count_arrivals(now_mono_ns);
  for (Line& line : lines_) {
    if (!line.attached) {
      attach(line);
    } else if (const NumberedSegment* numbered = segments_.find(line.ordinal)) {
      line.n_rows = rows_of(line, numbered->segment);
    }
  }
}

void StreamFramer::take_filled_spans() {
  for (const core::FilledSpan* span = feed_.filled_span(); span != nullptr; span = feed_.filled_span()) {
    stream_->add_filled(*span);
    feed_.pop_filled_span();
  }
}

void StreamFramer::sync_lines() {
  const std::uint64_t version = stream_->histories_version();
  if (version == lines_version_) return;
  lines_version_ = version;
  std::vector<Line> lines;
  for (auto& history : stream_->histories()) {
    const auto known =
        std::find_if(lines_.begin(), lines_.end(), [&](const Line& line) { return line.history == history; });
    if (known != lines_.end()) {
      lines.push_back(std::move(*known));
    } else {
      lines.push_back({.history = std::move(history)});
    }
  }
  lines_ = std::move(lines);
}

void StreamFramer::advance_to(core::SampleIndex accepted) {
  if (accepted == seen_) return;
  const auto samples = feed_.ring().view(seen_, static_cast<std::size_t>(accepted - seen_));
  for (const std::span<const float> part : samples) {
    if (AudioHistory* history = stream_->audio_history()) history->append(part);
    level_.add(part);
  }
  seen_ = accepted;
  const Level level = level_.level();
  stream_->set_level(std::sqrt(level.mean_square), level.peak);
}

void StreamFramer::close_segment(core::SampleIndex at) {
  if (segments_.end(at)) stream_->close_segment(at);
}

core::SampleIndex StreamFramer::oldest_sample() const noexcept {
  const core::SampleIndex in_feed = feed_.ring().released();
  const AudioHistory* history = stream_->audio_history();
  return history != nullptr ? std::min(in_feed, history->held().begin) : in_feed;
}

std::int64_t StreamFramer::rows_of(const Line& line, const Segment& segment) const noexcept {
  const engine::RowGeometry& geometry = line.history->geometry();
  return segment.closed() ? engine::row_count(geometry, segment.end - segment.begin)
                          : engine::rows_ready(geometry, seen_ - segment.begin);
}

void StreamFramer::attach(Line& line) {
  line.attached = true;
  const core::SampleIndex oldest = oldest_sample();
  const engine::RowGeometry& geometry = line.history->geometry();
  for (std::int64_t ordinal = segments_.oldest(); ordinal < segments_.size(); ++ordinal) {
    const NumberedSegment& numbered = *segments_.find(ordinal);
    const Segment& segment = numbered.segment;
    std::int64_t row = first_row_within(geometry, oldest - segment.begin);
    if (segment.closed()) {
      const std::int64_t n_rows = engine::row_count(geometry, segment.end - segment.begin);
      if (row >= n_rows && ordinal + 1 < segments_.size()) continue;
      row = std::min(row, n_rows);
    }
    const core::FrameIndex frame = numbered.first_frames[line.history->slot()] + row;
    line.history->attach(frame);
    line.history->begin_segment(segment, frame, row);
    enter(line, segment, row);
    tell_head(line);
    return;
  }
  line.history->attach(0);  // no audio yet: the first segment decides
}

void StreamFramer::tell_head(Line& line) {
  const NumberedSegment* newest = segments_.newest();
  if (newest == nullptr) return;
  line.history->set_head(newest->first_frames[line.history->slot()] + rows_of(line, newest->segment));
}

void StreamFramer::go_to(Line& line, const Segment& segment, std::int64_t row) {
  line.next_row = row;
  line.needed = segment.begin + engine::first_sample_needed(line.history->geometry(), row);
}

void StreamFramer::enter(Line& line, const Segment& segment, std::int64_t row) {
  line.ordinal = segment.ordinal;
  line.n_rows = rows_of(line, segment);
  line.in_segment = true;
  go_to(line, segment, row);
}

bool StreamFramer::next_segment(Line& line) {
  const std::int64_t next = std::max(line.ordinal + 1, segments_.oldest());
  const NumberedSegment* numbered = segments_.find(next);
  if (numbered == nullptr) return false;
  line.history->begin_segment(numbered->segment, numbered->first_frames[line.history->slot()], 0);
  enter(line, numbered->segment, 0);
  return true;
}

bool StreamFramer::add_lanes(TickBatch& batch, Share share, std::int64_t max_rows) {
  return std::all_of(lines_.begin(), lines_.end(), [&](Line& line) {
    return line.pass == pass_ || share_of(line) != share || add_lane(line, batch, share, max_rows);
  });
}

bool StreamFramer::add_lane(Line& line, TickBatch& batch, Share share, std::int64_t max_rows) {
  for (;;) {
    const NumberedSegment* numbered = segments_.find(line.ordinal);
    if (numbered != nullptr && line.next_row < line.n_rows) break;
    if (numbered != nullptr && !numbered->segment.closed()) return true;
    if (std::exchange(line.in_segment, false)) line.history->end_segment();
    if (!next_segment(line)) return true;
  }
  const NumberedSegment& numbered = *segments_.find(line.ordinal);
  const Segment& segment = numbered.segment;
  const engine::RowGeometry& geometry = line.history->geometry();
  const std::int64_t room = batch.room(line.history->n_bins());
  if (room == 0) return false;
  const std::int64_t n_rows =
      std::min({line.n_rows - line.next_row, rows_per_lane(geometry), room, room_for_blockers(line), max_rows});
  if (n_rows <= 0) return true;  // a blocking reader has to read first
  const std::int64_t length = segment.closed() ? segment.end - segment.begin : engine::kOpenEnd;
  const engine::IndexRange need = engine::samples_of_rows(geometry, line.next_row, n_rows, length);
  const core::SampleIndex begin = segment.begin + need.begin;
  const auto n_samples = static_cast<std::size_t>(need.size());
  engine::Lane lane{.prepared = &line.history->prepared(),
                    .first_row = line.next_row,
                    .n_rows = static_cast<std::int32_t>(n_rows),
                    .segment_samples = length,
                    .samples_begin = need.begin};
  if (begin >= feed_.ring().released()) {
    lane.samples = feed_.ring().view(begin, n_samples);
  } else if (const AudioHistory* history = stream_->audio_history();
             history != nullptr && history->held().begin <= begin) {
    lane.samples = history->view(begin, n_samples);
  } else {
    skip_lost_rows(line, numbered);
    return true;
  }
  const std::span<RowInfo> infos = batch.add(lane, *line.history);
  for (RowInfo& info : infos) info.timed = share == Share::kLive;
  annotate(lane, line, segment, infos);
  go_to(line, segment, line.next_row + n_rows);
  line.pass = pass_;
  if (has_work(line)) tell_head(line);
  return true;
}

void StreamFramer::annotate(const engine::Lane& lane, const Line& line, const Segment& segment,
                            std::span<RowInfo> rows) {
  const FilledLog& filled = stream_->filled();
  const core::SampleIndex begin = segment.begin + lane.samples_begin;
  const auto n_samples = static_cast<core::SampleIndex>(lane.samples[0].size() + lane.samples[1].size());
  const bool is_filled = filled.touches(begin, begin + n_samples);
  std::int64_t row = lane.first_row;
  for (RowInfo& info : rows) {
    const engine::IndexRange need = engine::samples_of_rows(line.history->geometry(), row++, 1, lane.segment_samples);
    info.received_mono_ns = feed_.received_mono_ns(segment.begin + need.end - 1);
    if (!is_filled) continue;
    const Filled part = filled.within(segment.begin + need.begin, segment.begin + need.end);
    info.concealed_share = static_cast<float>(part.n_concealed) / static_cast<float>(need.size());
    info.suppressed = part.suppressed;
  }
}

void StreamFramer::skip_lost_rows(Line& line, const NumberedSegment& numbered) {
  const Segment& segment = numbered.segment;
  const engine::RowGeometry& geometry = line.history->geometry();
  std::int64_t row = std::max(line.next_row, first_row_within(geometry, oldest_sample() - segment.begin));
  if (segment.closed()) row = std::min(row, line.n_rows);
  go_to(line, segment, row);
  tell_skipped(line, numbered, core::GapReason::kHistoryEvicted);
}

void StreamFramer::tell_skipped(const Line& line, const NumberedSegment& numbered, core::GapReason reason) {
  Segment segment = numbered.segment;
  segment.start.reason = reason;
  segment.start.lost_source_samples = 0;  // frames are lost, no audio
  segment.lost_samples = 0;
  line.history->skip(segment, numbered.first_frames[line.history->slot()] + line.next_row, line.next_row);
}

core::SampleIndex StreamFramer::needed_from(const Line& line) const noexcept {
  if (segments_.size() == 0) return feed_.ring().released();
  const NumberedSegment* numbered = segments_.find(line.ordinal);
  if (numbered == nullptr) return line.ordinal < 0 ? feed_.ring().released() : seen_;
  const Segment& segment = numbered->segment;
  const bool done = segment.closed() && line.next_row >= line.n_rows;
  if (done) return segment.end;
  return std::min(seen_, line.needed);
}

core::SampleIndex StreamFramer::needed_when_caught_up(const Line& line) const noexcept {
  const NumberedSegment* newest = segments_.newest();
  if (newest == nullptr || newest->segment.closed()) return seen_;
  const std::int64_t next_row = rows_of(line, newest->segment);
  return std::min(seen_, newest->segment.begin + engine::first_sample_needed(line.history->geometry(), next_row));
}

bool StreamFramer::has_work(const Line& line) const {
  const NumberedSegment* numbered = segments_.find(line.ordinal);
  if (numbered == nullptr) return segments_.size() > 0;
  if (line.next_row < line.n_rows) return room_for_blockers(line) > 0;
  return numbered->segment.closed() && (line.in_segment || line.ordinal + 1 < segments_.size());
}

std::int64_t StreamFramer::room_for_blockers(const Line& line) const {
  // A live stream has no blocking readers: nobody needs to look.
  return is_live() ? std::numeric_limits<std::int64_t>::max() : line.history->room_for_blockers();
}

bool StreamFramer::release() {
  core::SampleIndex keep = seen_;
  bool more = false;
  for (const Line& line : lines_) {
    // Live audio does not wait for a line that has the audio history to read from.
    keep = std::min(keep, is_live() && is_catching_up(line) ? needed_when_caught_up(line) : needed_from(line));
    more = more || has_work(line);
  }
  feed_.release(keep);
  stream_->forget(oldest_sample());
  return more;
}

std::optional<core::EndReason> StreamFramer::finished() const noexcept {
  if (!end_) return std::nullopt;
  for (const Line& line : lines_) {
    if (line.in_segment || !line.attached || line.ordinal + 1 < segments_.size()) return std::nullopt;
  }
  return end_;
}

void StreamFramer::drop_stuck_blockers(std::int64_t now_mono_ns) {
  if (!end_ || is_live()) return;
  for (const Line& line : lines_) {
    if (line.attached) line.history->drop_stuck_blockers(now_mono_ns, kBlockerPatienceNs);
  }
}

}  // namespace melstream::pipeline
