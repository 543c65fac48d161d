// StreamFramer where the machine is too slow for all streams: what a stream asks for, how far it is behind, and rows
// that are left out.
#include <algorithm>
#include <utility>

#include "melstream/pipeline/stream_framer.hpp"

namespace melstream::pipeline {

void StreamFramer::count_arrivals(std::int64_t now_mono_ns) noexcept {
  const std::int64_t passed_ns = now_mono_ns - window_begin_mono_ns_;
  if (passed_ns < core::kNsPerSecond) return;
  last_window_samples_per_s_ = static_cast<double>(seen_ - window_seen_) * static_cast<double>(core::kNsPerSecond) /
                               static_cast<double>(passed_ns);
  window_begin_mono_ns_ = now_mono_ns;
  window_seen_ = seen_;
}

std::int64_t StreamFramer::n_live_front_ends() const noexcept {
  return std::count_if(lines_.begin(), lines_.end(),
                       [this](const Line& line) { return share_of(line) == Share::kLive; });
}

double StreamFramer::frames_per_s() const noexcept {
  if (last_window_samples_per_s_ == 0.0 && seen_ == window_seen_) return 0.0;
  // Live audio comes in real time, in chunks of up to a second; only what is clearly more counts as it was measured.
  const bool is_faster = last_window_samples_per_s_ > 2.0 * core::kSampleRateHz;
  const double samples_per_s = is_faster ? last_window_samples_per_s_ : core::kSampleRateHz;
  double n_frames = 0.0;
  for (const Line& line : lines_) {
    if (share_of(line) == Share::kLive) n_frames += samples_per_s / line.history->geometry().frame.hop;
  }
  return n_frames;
}

std::optional<std::int64_t> StreamFramer::waiting_since_mono_ns() {
  std::optional<std::int64_t> oldest;
  for (const Line& line : lines_) {
    const NumberedSegment* numbered = segments_.find(line.ordinal);
    if (numbered == nullptr || share_of(line) != Share::kLive) continue;
    const Segment& segment = numbered->segment;
    if (line.next_row >= line.n_rows) continue;
    const std::int64_t length = segment.closed() ? segment.end - segment.begin : engine::kOpenEnd;
    const engine::IndexRange need = engine::samples_of_rows(line.history->geometry(), line.next_row, 1, length);
    const std::int64_t received = feed_.received_mono_ns(segment.begin + need.end - 1);
    oldest = std::min(oldest.value_or(received), received);
  }
  return oldest;
}

std::int64_t StreamFramer::shed() {
  is_shed_ = true;
  std::int64_t n_rows = 0;
  for (Line& line : lines_) n_rows += shed_line(line, false);
  return n_rows;
}

std::int64_t StreamFramer::resume() {
  if (!std::exchange(is_shed_, false)) return 0;
  std::int64_t n_rows = 0;
  for (Line& line : lines_) {
    n_rows += shed_line(line, true);
    line.skipping = false;
  }
  return n_rows;
}

std::int64_t StreamFramer::shed_line(Line& line, bool tell_all) {
  std::int64_t n_rows = 0;
  for (;;) {
    if (const NumberedSegment* numbered = segments_.find(line.ordinal)) {
      const Segment& segment = numbered->segment;
      const std::int64_t n_ready = line.n_rows - line.next_row;
      if (n_ready > 0) {
        go_to(line, segment, line.next_row + n_ready);
        line.history->set_head(numbered->first_frames[line.history->slot()] + line.next_row);
      }
      line.n_untold_rows += n_ready;
      n_rows += n_ready;
      const bool a_second = line.n_untold_rows * engine::row_stride(line.history->geometry()) >= core::kSampleRateHz;
      if (line.n_untold_rows > 0 && (tell_all || segment.closed() || a_second || !line.skipping)) {
        tell_skipped(line, *numbered, core::GapReason::kEngineOverload);
        line.n_untold_rows = 0;
        line.skipping = true;
      }
      if (!segment.closed()) return n_rows;
    }
    line.n_untold_rows = 0;
    if (std::exchange(line.in_segment, false)) line.history->end_segment();
    if (!next_segment(line)) return n_rows;
  }
}

}  // namespace melstream::pipeline
