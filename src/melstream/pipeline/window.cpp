#include "melstream/pipeline/window.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "melstream/core/mapped_array.hpp"

namespace melstream::pipeline {
namespace {

using core::ErrorCode;
using engine::Normalization;

[[noreturn]] void refuse(const std::string& message, const std::string& field) {
  throw core::Error(ErrorCode::kInvalidArgument, message, field);
}

std::string text(engine::IndexRange range) {
  return "[" + std::to_string(range.begin) + ", " + std::to_string(range.end) + ")";
}

/// Samples that the window is computed from, after padding or cutting.
std::int64_t clip_samples(const WindowRequest& request) {
  return request.pad_to_samples.value_or(request.end - request.begin);
}

/// Timeline that the stream can still give, gaps included.
engine::IndexRange held_timeline(const std::vector<Segment>& segments, engine::IndexRange held) {
  if (segments.empty() || held.size() <= 0) return {};
  core::SampleIndex begin = segments.back().timeline_of(held.end);
  for (auto segment = segments.rbegin(); segment != segments.rend() && segment->end > held.begin; ++segment) {
    begin = segment->timeline_of(std::max(held.begin, segment->begin));
  }
  return {begin, segments.back().timeline_of(held.end)};
}

}  // namespace

WindowReader::WindowReader(engine::EngineInstance instance, const engine::Limits& limits)
    : instance_(std::move(instance)), limits_(limits) {}

void WindowReader::validate(const WindowRequest& request) {
  if (request.begin < 0)
    refuse("begin_sample is " + std::to_string(request.begin) + "; samples count from 0", "begin_sample");
  if (request.end <= request.begin) {
    refuse("the window " + text({request.begin, request.end}) + " is empty; end_sample must lie after begin_sample",
           "end_sample");
  }
  if (request.end > core::kMaxPosition) {
    refuse("end_sample is " + std::to_string(request.end) + "; positions go up to 2^53", "end_sample");
  }
  if (request.pad_to_samples && (*request.pad_to_samples < 1 || *request.pad_to_samples > core::kMaxPosition)) {
    refuse("pad_to_samples is " + std::to_string(*request.pad_to_samples) + "; take 1 or more, as far as 4 MiB go",
           "pad_to_samples");
  }
  const engine::FrontEnd& front_end = *request.front_end;
  if (request.smoothing != engine::Smoothing::kNone && !front_end.allows_smoothing()) {
    refuse("front end '" + front_end.name() + "' takes no smoothing", "smoothing");
  }
  switch (request.normalization) {
    case Normalization::kRunningMax:
      refuse("running_max is for Subscribe; a window takes whisper_window", "normalization");
    case Normalization::kFixedMax:
      if (!std::isfinite(request.fixed_max)) refuse("fixed_max must be a finite number", "fixed_max");
      [[fallthrough]];
    case Normalization::kWhisperWindow:
      if (!front_end.is_whisper())
        refuse("front end '" + front_end.name() + "' is not a Whisper front end", "normalization");
      break;
    case Normalization::kNone:
    case Normalization::kPerFeatureWindow:
      break;
  }
  const std::int64_t frames = engine::row_count(front_end.rows(request.smoothing), clip_samples(request));
  const std::int64_t row_bytes = front_end.n_bins(request.smoothing) * static_cast<std::int64_t>(sizeof(float));
  if (frames > kMaxWindowBytes / row_bytes) {
    throw core::Error(ErrorCode::kResourceExhausted,
                      "the window has " + std::to_string(frames) + " frames of " + std::to_string(row_bytes) +
                          " bytes; an answer holds 4 MiB: ask for " + std::to_string(kMaxWindowBytes / row_bytes) +
                          " frames or fewer");
  }
}

core::SampleIndex WindowReader::read_end(const WindowRequest& request) noexcept {
  return request.begin + std::min(request.end - request.begin, clip_samples(request));
}

WindowReach WindowReader::reach(const Stream& stream) {
  WindowReach reach;
  if (stream.audio_history() == nullptr) return reach;
  // In this order: all that was seen lies in a segment that is known, so nothing is mapped by an older segment.
  core::SampleIndex seen = stream.seen();
  reach.segments = stream.segments();
  // All before a segment that is known is in the history, even if it was not yet seen a moment ago.
  if (!reach.segments.empty()) {
    seen = std::max(seen, reach.segments.back().begin);
    reach.head = reach.segments.back().timeline_of(seen);
  }
  reach.accepted = stream.audio_history()->held();
  reach.accepted.end = std::min(reach.accepted.end, seen);
  reach.held = held_timeline(reach.segments, reach.accepted);
  reach.grows = !stream.ended();  // last: what an end wipes is not taken for what is yet to come
  return reach;
}

bool WindowReader::must_wait(const WindowReach& reach, const WindowRequest& request) noexcept {
  if (!reach.grows) return false;
  if (reach.held.size() > 0 && request.begin < reach.held.begin) return false;  // gone for good
  return reach.head < read_end(request);
}

Window WindowReader::read(const Stream& stream, const WindowRequest& request) {
  validate(request);
  const AudioHistory* history = stream.audio_history();
  if (history == nullptr) {
    const std::string key = stream.local() ? "stream.local_audio_history_s" : "stream.audio_history_s";
    throw WindowError(ErrorCode::kOutOfRange,
                      "stream '" + stream.id() + "' keeps no audio for windows; set " + key + " in the config", {}, {});
  }
  const WindowReach reach = WindowReader::reach(stream);
  const engine::IndexRange& held = reach.held;
  const engine::IndexRange wanted{request.begin, read_end(request)};
  const auto out_of_range = [&] {
    const std::string why = stream.ended() ? "the stream has ended and its audio is wiped" : "held now: " + text(held);
    return WindowError(ErrorCode::kOutOfRange,
                       "samples " + text(wanted) + " of stream '" + stream.id() + "' are not held; " + why, held, {});
  };
  if (stream.ended() || wanted.begin < held.begin || wanted.end > held.end) throw out_of_range();

  Window window;
  // Gone with its pages, wherever this ends.
  core::MappedArray<float> clip(static_cast<std::size_t>(clip_samples(request)));
  core::SampleIndex at = wanted.begin;  // all before it is copied, or known to be missing
  for (const Segment& segment : reach.segments) {
    const core::SampleIndex from = std::max(at, segment.start.timeline_begin);
    const core::SampleIndex to = std::min(wanted.end, segment.timeline_of(std::min(segment.end, reach.accepted.end)));
    if (to <= from) continue;
    if (at == wanted.begin) {
      window.capture_wall_ns =
          segment.start.capture_wall_ns - core::samples_to_ns(segment.start.timeline_begin - wanted.begin);
    }
    if (from > at) window.filled.push_back({at, from});
    const core::SampleIndex accepted = segment.begin + (from - segment.start.timeline_begin);
    const auto part =
        clip.span().subspan(static_cast<std::size_t>(from - wanted.begin), static_cast<std::size_t>(to - from));
    // Before the samples, so that the marks of all that can be copied are still there.
    for (const core::FilledSpan& span : stream.filled_spans(accepted, accepted + (to - from))) {
      const bool is_concealed = span.kind == core::FilledSpan::Kind::kConcealed;
      (is_concealed ? window.concealed : window.suppressed)
          .push_back({segment.timeline_of(span.begin), segment.timeline_of(span.end)});
    }
    if (!history->copy(accepted, part)) throw out_of_range();
    at = to;
  }
  if (at < wanted.end) window.filled.push_back({at, wanted.end});
  if (!window.filled.empty() && !request.zero_fill) {
    std::string message = "samples are missing in the window:";
    for (const engine::IndexRange& gap : window.filled) message += " " + text(gap);
    throw WindowError(ErrorCode::kFailedPrecondition, message + "; take gaps = zero_fill, or a window beside them",
                      held, window.filled);
  }
  compute(request, clip.span(), window);
  return window;
}

void WindowReader::compute(const WindowRequest& request, std::span<const float> clip, Window& window) {
  const engine::RowGeometry geometry = request.front_end->rows(request.smoothing);
  const auto n_samples = static_cast<std::int64_t>(clip.size());
  window.n_frames = engine::row_count(geometry, n_samples);
  window.n_bins = request.front_end->n_bins(request.smoothing);
  const auto bins = static_cast<std::size_t>(window.n_bins);
  window.values.resize(static_cast<std::size_t>(window.n_frames) * bins);
  std::vector<float> maxima(static_cast<std::size_t>(window.n_frames));
  {
    const std::lock_guard lock(mutex_);
    const auto prepared = instance_.engine->prepare(request.front_end, request.smoothing);
    for (std::int64_t row = 0; row < window.n_frames; row += limits_.max_rows) {
      const std::int64_t n_rows = std::min<std::int64_t>(limits_.max_rows, window.n_frames - row);
      const engine::Lane lane{.prepared = prepared.get(),
                              .first_row = row,
                              .n_rows = static_cast<std::int32_t>(n_rows),
                              .segment_samples = n_samples,
                              .samples_begin = 0,
                              .samples = {clip, std::span<const float>{}}};
      const auto first = static_cast<std::size_t>(row);
      const auto n = static_cast<std::size_t>(n_rows);
      const engine::Ticket ticket =
          instance_.engine->submit({.lanes = {&lane, 1},
                                    .rows = std::span(window.values).subspan(first * bins, n * bins),
                                    .maxima = std::span(maxima).subspan(first, n)});
      while (!instance_.engine->poll(ticket, std::chrono::milliseconds(10))) {
      }
    }
  }
  if (!maxima.empty()) window.max = *std::max_element(maxima.begin(), maxima.end());
  switch (request.normalization) {
    case Normalization::kFixedMax:
      engine::whisper_frame(window.values, request.fixed_max);
      break;
    case Normalization::kWhisperWindow:
      engine::whisper_window(window.values);
      break;
    case Normalization::kPerFeatureWindow:
      engine::per_feature_window(window.values, window.n_bins);
      break;
    case Normalization::kNone:
    case Normalization::kRunningMax:
      break;
  }
}

}  // namespace melstream::pipeline
