#include "melstream/pipeline/stream.hpp"

#include <algorithm>
#include <utility>

#include "melstream/core/error.hpp"

namespace melstream::pipeline {
namespace {

/// Segments kept for windows: more gaps than that within the audio history, and the oldest audio is out of reach.
constexpr std::size_t kMaxSegments = 256;

/// What an ended stream waits at most for readers of its last windows.
constexpr std::int64_t kLastWindowsNs = core::kNsPerSecond / 4;

/// Filled spans kept apart: enough for every second packet of 10 ms in the ring, and of 20 ms in the audio history.
/// Where there are more, the oldest are kept as one.
std::size_t max_filled_spans(const AudioHistory* history) {
  constexpr std::int64_t kInRing = 128;
  constexpr std::int64_t kPerSecond = 25;
  constexpr std::int64_t kMost = 1 << 14;
  const std::int64_t n_samples = history != nullptr ? history->max_samples() : 0;
  return static_cast<std::size_t>(std::min(kMost, kInRing + n_samples * kPerSecond / core::kSampleRateHz));
}

}  // namespace

Stream::Stream(StreamOptions options, const StreamOpening& opening, const GeometryTable& geometries,
               core::AudioMemory ring_memory, std::unique_ptr<AudioHistory> audio_history)
    : options_(std::move(options)),
      opening_(opening),
      geometries_(geometries),
      feed_(std::move(ring_memory)),
      audio_history_(std::move(audio_history)),
      filled_(max_filled_spans(audio_history_.get())) {
  segments_.reserve(kMaxSegments);
}

StreamStatus Stream::status() const {
  StreamStatus status;
  status.id = options_.id;
  status.epoch = opening_.epoch;
  status.ended = ended();
  status.labels = options_.labels;
  status.pacing = options_.pacing;
  status.opened_wall_ns = opening_.wall_ns;
  status.rms = rms_.load(std::memory_order_relaxed);
  status.peak = peak_.load(std::memory_order_relaxed);
  const core::SampleIndex seen_now = seen();
  const engine::IndexRange held = audio_history_ && !status.ended ? audio_history_->held() : engine::IndexRange{};
  const std::lock_guard lock(mutex_);
  status.gap_samples = gap_samples_;
  status.timeline_samples = seen_now + gap_samples_;
  status.concealed_samples = filled_.n_concealed();
  status.suppressed_samples = filled_.n_suppressed();
  for (const auto& history : histories_) {
    status.front_ends.push_back(history->front_end().name());
    status.n_subscribers += history->n_readers.load(std::memory_order_relaxed);
    const std::int64_t newest = history->newest_received_mono_ns();
    if (newest != 0 && (status.newest_row_mono_ns == 0 || newest < status.newest_row_mono_ns)) {
      status.newest_row_mono_ns = newest;
    }
  }
  if (held.size() > 0 && !segments_.empty()) {
    status.audio_held = {timeline_of(held.begin), segments_.back().timeline_of(held.end)};
  }
  return status;
}

HeldAudio Stream::held_audio() const {
  // finish() gives the memory back under the mutex.
  const std::lock_guard lock(mutex_);
  if (ended()) return {};
  HeldAudio audio;
  audio.ring_limit = static_cast<core::SampleIndex>(feed_.ring().capacity());
  audio.ring_samples = std::min(feed_.written(), audio.ring_limit);
  if (audio_history_) {
    audio.history_samples = audio_history_->held().size();
    audio.history_limit = audio_history_->max_samples();
  }
  return audio;
}

std::int32_t Stream::n_readers() const {
  const std::lock_guard lock(mutex_);
  std::int32_t n = 0;
  for (const auto& history : histories_) n += history->n_readers.load(std::memory_order_relaxed);
  return n;
}

core::SampleIndex Stream::timeline_of(core::SampleIndex accepted) const {
  for (const Segment& segment : segments_) {
    if (accepted < segment.end) return segment.timeline_of(std::max(accepted, segment.begin));
  }
  return segments_.back().timeline_of(accepted);
}

std::vector<std::shared_ptr<FeatureHistory>> Stream::histories() const {
  const std::lock_guard lock(mutex_);
  return histories_;
}

std::shared_ptr<FeatureHistory> Stream::find_history(const engine::FrontEnd& front_end,
                                                     engine::Smoothing smoothing) const {
  for (const auto& history : histories_) {
    if (history->smoothing() == smoothing && history->front_end().sha256() == front_end.sha256()) return history;
  }
  return nullptr;
}

std::shared_ptr<FeatureHistory> Stream::join_history(const engine::FrontEnd& front_end, engine::Smoothing smoothing) {
  const std::lock_guard lock(mutex_);
  auto history = find_history(front_end, smoothing);
  if (history) history->n_readers.fetch_add(1, std::memory_order_relaxed);
  return history;
}

void Stream::add_history(std::shared_ptr<FeatureHistory> history) {
  const std::lock_guard lock(mutex_);
  if (find_history(history->front_end(), history->smoothing())) return;
  if (ended()) {
    throw core::Error(core::ErrorCode::kFailedPrecondition,
                      "stream '" + id() + "' has ended, and front end '" + history->front_end().name() +
                          "' was not computed while it lived; subscribe before it ends");
  }
  histories_.push_back(std::move(history));
  histories_version_.fetch_add(1, std::memory_order_release);
}

void Stream::retire_histories(const std::function<bool(const FeatureHistory&)>& idle) {
  const std::lock_guard lock(mutex_);
  const auto n_retired = std::erase_if(histories_, [&idle](const std::shared_ptr<FeatureHistory>& history) {
    return history->n_readers.load(std::memory_order_acquire) == 0 && idle(*history);
  });
  if (n_retired > 0) histories_version_.fetch_add(1, std::memory_order_release);
}

void Stream::take_over() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(taken_over_, true)) return;
  }
  if (options_.on_takeover) options_.on_takeover();
}

std::vector<Segment> Stream::segments() const {
  const std::lock_guard lock(mutex_);
  return segments_;
}

std::vector<core::FilledSpan> Stream::filled_spans(core::SampleIndex begin, core::SampleIndex end) const {
  const std::lock_guard lock(mutex_);
  return filled_.spans(begin, end);
}

std::optional<std::int64_t> Stream::ended_mono_ns() const {
  const std::lock_guard lock(mutex_);
  if (!ended()) return std::nullopt;
  return ended_mono_ns_;
}

std::optional<core::EndReason> Stream::end_reason() const {
  const std::lock_guard lock(mutex_);
  if (!ended()) return std::nullopt;
  return end_reason_;
}

core::SampleIndex Stream::timeline_samples() const {
  const std::lock_guard lock(mutex_);
  return seen() + gap_samples_;
}

void Stream::set_all_seen(std::int64_t now_mono_ns) noexcept {
  if (!all_seen()) all_seen_mono_ns_.store(now_mono_ns, std::memory_order_release);
}

bool Stream::is_audio_kept(std::int64_t now_mono_ns) const noexcept {
  return n_audio_holds_.load(std::memory_order_acquire) > 0 &&
         now_mono_ns - all_seen_mono_ns_.load(std::memory_order_relaxed) < kLastWindowsNs;
}

void Stream::begin_segment(const Segment& segment) {
  const std::lock_guard lock(mutex_);
  if (segments_.size() == kMaxSegments) segments_.erase(segments_.begin());
  segments_.push_back(segment);
  gap_samples_ += segment.lost_samples;
}

void Stream::close_segment(core::SampleIndex end) {
  const std::lock_guard lock(mutex_);
  if (!segments_.empty()) segments_.back().end = end;
}

void Stream::add_filled(const core::FilledSpan& span) {
  const std::lock_guard lock(mutex_);
  filled_.add(span);
}

void Stream::forget(core::SampleIndex before) {
  // Most of the time there is nothing: the tick thread, which alone writes both, may look without the mutex.
  if (segments_.size() <= 1 && filled_.empty()) return;
  const std::lock_guard lock(mutex_);
  filled_.forget(before);
  while (segments_.size() > 1 && segments_.front().end <= before) segments_.erase(segments_.begin());
}

void Stream::set_level(float rms, float peak) noexcept {
  rms_.store(rms, std::memory_order_relaxed);
  peak_.store(peak, std::memory_order_relaxed);
}

bool Stream::finish(core::EndReason reason, std::uint64_t histories_version, std::int64_t now_mono_ns) {
  const std::lock_guard lock(mutex_);
  if (histories_version != histories_version_.load(std::memory_order_relaxed)) return false;
  feed_.give_back();
  if (audio_history_) audio_history_->clear();
  for (const auto& history : histories_) history->end(reason);
  ended_mono_ns_ = now_mono_ns;
  end_reason_ = reason;
  ended_.store(true, std::memory_order_release);
  return true;
}

AudioHold::AudioHold(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {
  stream_->n_audio_holds_.fetch_add(1, std::memory_order_release);
}

AudioHold& AudioHold::operator=(AudioHold&& other) noexcept {
  if (this != &other) {
    release();
    stream_ = std::move(other.stream_);
  }
  return *this;
}

void AudioHold::release() noexcept {
  if (!stream_) return;
  stream_->n_audio_holds_.fetch_sub(1, std::memory_order_release);
  stream_.reset();
}

}  // namespace melstream::pipeline
