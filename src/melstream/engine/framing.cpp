// Frame arithmetic on 64-bit indices (framing.hpp). Any thread; no state. Formulas: tests/golden/README.md section 2.
#include "melstream/engine/framing.hpp"

#include <algorithm>

#include "melstream/engine/framing-inl.hpp"

namespace melstream::engine {
namespace {

/// Does [begin, end) hold a number congruent to `phase` modulo `period`?
constexpr bool holds_phase(std::int64_t begin, std::int64_t end, std::int64_t phase, std::int64_t period) noexcept {
  return floor_div(end - 1 - phase, period) * period + phase >= begin;
}

/// First position that frame t reads, edges not resolved.
constexpr std::int64_t frame_begin(const FrameGeometry& g, std::int64_t t) noexcept {
  return frame_start(g, t) - g.lead;
}

/// Position after the last one that frame t reads, edges not resolved.
constexpr std::int64_t frame_end(const FrameGeometry& g, std::int64_t t) noexcept {
  return frame_start(g, t) + g.window;
}

/// Samples that must have arrived after t * hop before frame t exists and is complete, away from the segment's start.
std::int64_t frame_lookahead(const FrameGeometry& g) noexcept {
  const std::int64_t complete = g.window - g.left;
  switch (g.count) {
    case FrameCount::kFloor:
      return std::max<std::int64_t>(complete, g.hop);
    case FrameCount::kRounded:
      return std::max<std::int64_t>(complete, g.hop - g.hop / 2);
    case FrameCount::kFloorPlusOne:
    case FrameCount::kSnip:
      break;
  }
  return complete;
}

/// How far the last frame of a segment may reach beyond its end, at most.
std::int64_t overhang(const FrameGeometry& g) noexcept {
  // The last frame starts at hop * t <= N - k, so that it ends at most window - left - k after N.
  std::int64_t k = 0;
  switch (g.count) {
    case FrameCount::kFloor:
      k = g.hop;
      break;
    case FrameCount::kRounded:
      k = g.hop - g.hop / 2;
      break;
    case FrameCount::kFloorPlusOne:
      break;
    case FrameCount::kSnip:
      return 0;
  }
  return std::max<std::int64_t>(0, g.window - g.left - k);
}

/// Smallest range of samples that holds every resolved position of [begin, end); begin < end, n > 0.
IndexRange resolve_range(Edge edge, std::int64_t begin, std::int64_t end, std::int64_t n) noexcept {
  if (!reflects(edge)) {
    const IndexRange inside{std::clamp<std::int64_t>(begin, 0, n), std::clamp<std::int64_t>(end, 0, n)};
    return inside.size() > 0 ? inside : IndexRange{};
  }
  if (begin >= 0 && end <= n) return {begin, end};
  if (n == 1) return {0, 1};
  // Resolved positions go up and down between 0 and n - 1: the extremes are at the ends or at a turn.
  const std::int64_t period = edge == Edge::kReflect ? 2 * (n - 1) : 2 * n;
  const std::int64_t a = resolve_edge(edge, begin, n);
  const std::int64_t b = resolve_edge(edge, end - 1, n);
  const std::int64_t low = holds_phase(begin, end, 0, period) ? 0 : std::min(a, b);
  const std::int64_t high = holds_phase(begin, end, n - 1, period) ? n - 1 : std::max(a, b);
  return {low, high + 1};
}

/// Frames before and after its nominal frame row * lfr.n that a row is made of.
struct FrameSpan {
  std::int64_t before = 0;
  std::int64_t after = 0;
};

FrameSpan frame_span(const RowGeometry& g) noexcept {
  switch (g.smoothing) {
    case Smoothing::kBox3x3:
      return {1, 1};
    case Smoothing::kBox3x3Valid:
      return {0, 2};
    case Smoothing::kNone:
      break;
  }
  return {g.lfr.m / 2, g.lfr.m - 1 - g.lfr.m / 2};
}

}  // namespace

std::int64_t frame_count(const FrameGeometry& geometry, std::int64_t n_samples) noexcept {
  if (n_samples <= 0) return 0;
  if (geometry.edge == Edge::kReflect && n_samples <= geometry.left) return 0;
  switch (geometry.count) {
    case FrameCount::kFloor:
      return n_samples / geometry.hop;
    case FrameCount::kFloorPlusOne:
      return 1 + n_samples / geometry.hop;
    case FrameCount::kRounded:
      return (n_samples + geometry.hop / 2) / geometry.hop;
    case FrameCount::kSnip:
      break;
  }
  return n_samples < geometry.window ? 0 : 1 + (n_samples - geometry.window) / geometry.hop;
}

std::int64_t frames_ready(const FrameGeometry& geometry, std::int64_t n_samples) noexcept {
  // Frame 0 reflects the first `left` samples: they must be there, whatever follows. (kReflect needs one more, without
  // which there is no frame at all: frame_count.)
  const std::int64_t start_needs = geometry.edge == Edge::kSymmetric ? geometry.left : 0;
  const std::int64_t room = n_samples - frame_end(geometry, 0);
  if (n_samples < start_needs || room < 0) return 0;
  return std::min(1 + room / geometry.hop, frame_count(geometry, n_samples));
}

IndexRange samples_of_frames(const FrameGeometry& geometry, std::int64_t first, std::int64_t n,
                             std::int64_t segment_samples) noexcept {
  if (n <= 0 || segment_samples <= 0) return {};
  const std::int64_t begin = frame_begin(geometry, first);
  const std::int64_t end = frame_end(geometry, first + n - 1);
  // While the segment grows no frame reaches its end: any length beyond both the frames and their reflections will do.
  const std::int64_t length = segment_samples == kOpenEnd ? std::max(end, -begin + 1) : segment_samples;
  return begin < end && length > 0 ? resolve_range(geometry.edge, begin, end, length) : IndexRange{};
}

std::int64_t resolve_edge(Edge edge, std::int64_t index, std::int64_t n_samples) noexcept {
  return edge_source(edge, index, n_samples);
}

std::int64_t row_count(const RowGeometry& geometry, std::int64_t n_samples) noexcept {
  const std::int64_t frames = frame_count(geometry.frame, n_samples);
  if (geometry.smoothing == Smoothing::kBox3x3) return frames;
  if (geometry.smoothing == Smoothing::kBox3x3Valid) return std::max<std::int64_t>(0, frames - 2);
  return (frames + geometry.lfr.n - 1) / geometry.lfr.n;
}

std::int64_t rows_ready(const RowGeometry& geometry, std::int64_t n_samples) noexcept {
  const std::int64_t room = frames_ready(geometry.frame, n_samples) - 1 - frame_span(geometry).after;
  return room < 0 ? 0 : 1 + room / geometry.lfr.n;
}

IndexRange frames_of_rows(const RowGeometry& geometry, std::int64_t first, std::int64_t n,
                          std::int64_t segment_samples) noexcept {
  const std::int64_t frames = segment_samples == kOpenEnd ? kOpenEnd : frame_count(geometry.frame, segment_samples);
  if (n <= 0 || frames <= 0) return {};
  const FrameSpan span = frame_span(geometry);
  const std::int64_t begin = first * geometry.lfr.n - span.before;
  const std::int64_t last = (first + n - 1) * geometry.lfr.n + span.after;
  return {std::clamp<std::int64_t>(begin, 0, frames - 1), std::clamp<std::int64_t>(last, 0, frames - 1) + 1};
}

IndexRange samples_of_rows(const RowGeometry& geometry, std::int64_t first, std::int64_t n,
                           std::int64_t segment_samples) noexcept {
  const IndexRange frames = frames_of_rows(geometry, first, n, segment_samples);
  return samples_of_frames(geometry.frame, frames.begin, frames.size(), segment_samples);
}

std::int64_t first_sample_needed(const RowGeometry& geometry, std::int64_t first_row) noexcept {
  const FrameGeometry& g = geometry.frame;
  const std::int64_t frame = std::max<std::int64_t>(0, first_row * geometry.lfr.n - frame_span(geometry).before);
  std::int64_t sample = frame_begin(g, frame);
  if (reflects(g.edge)) {
    // A frame that ends e samples after N reads back to N - e (one less without repeating the edge), and N is its end -
    // e.
    const std::int64_t reach = 2 * overhang(g) + (g.edge == Edge::kReflect ? 1 : 0);
    sample = std::min(sample, frame_end(g, frame) - reach);
  }
  return std::max<std::int64_t>(0, sample);
}

std::int64_t row_span(const RowGeometry& geometry) noexcept {
  constexpr std::int64_t kFarFromStart = 1 << 20;
  const std::int64_t position = kFarFromStart * row_stride(geometry);
  return position + row_lookahead(geometry) - first_sample_needed(geometry, kFarFromStart);
}

int row_stride(const RowGeometry& geometry) noexcept { return geometry.frame.hop * geometry.lfr.n; }

int row_lookahead(const RowGeometry& geometry) noexcept {
  return static_cast<int>(frame_lookahead(geometry.frame) + frame_span(geometry).after * geometry.frame.hop);
}

}  // namespace melstream::engine
