#include "melstream/engine/frame_reader.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

#include "melstream/engine/framing-inl.hpp"

namespace melstream::engine {
namespace {

/// Copies samples [begin, end) of the segment, which the lane holds.
void copy_samples(const Lane& lane, std::int64_t begin, std::int64_t end, float* to) noexcept {
  const std::span<const float> first = lane.samples[0], second = lane.samples[1];
  const auto from = static_cast<std::size_t>(begin - lane.samples_begin);
  const auto n = static_cast<std::size_t>(end - begin);
  const std::size_t n_first = from < first.size() ? std::min(n, first.size() - from) : 0;
  if (n_first > 0) std::memcpy(to, first.data() + from, n_first * sizeof(float));
  if (n_first < n)
    std::memcpy(to + n_first, second.data() + (from + n_first - first.size()), (n - n_first) * sizeof(float));
}

float sample_at(const Lane& lane, Edge edge, std::int64_t position) noexcept {
  const std::int64_t source = resolve_edge(edge, position, lane.segment_samples);
  float sample = 0.0F;
  if (source >= 0) copy_samples(lane, source, source + 1, &sample);
  return sample;
}

}  // namespace

void read_positions(const Lane& lane, Edge edge, std::int64_t begin, std::int64_t end, float* to) noexcept {
  const std::int64_t inner_begin = std::clamp<std::int64_t>(begin, 0, lane.segment_samples);
  const std::int64_t inner_end = std::clamp(end, inner_begin, lane.segment_samples);
  for (std::int64_t position = begin; position < std::min(inner_begin, end); ++position)
    to[position - begin] = sample_at(lane, edge, position);
  if (inner_begin < inner_end) copy_samples(lane, inner_begin, inner_end, to + (inner_begin - begin));
  for (std::int64_t position = inner_end; position < end; ++position)
    to[position - begin] = sample_at(lane, edge, position);
}

const float* find_positions(const Lane& lane, std::int64_t begin, std::int64_t end) noexcept {
  if (begin < 0 || end > lane.segment_samples) return nullptr;
  const std::int64_t offset = begin - lane.samples_begin;
  const auto n_first = static_cast<std::int64_t>(lane.samples[0].size());
  if (offset + (end - begin) <= n_first) return lane.samples[0].data() + offset;
  return offset >= n_first ? lane.samples[1].data() + (offset - n_first) : nullptr;
}

const float* read_frame(const Lane& lane, const FrameGeometry& geometry, std::int64_t frame, float* copy) noexcept {
  const std::int64_t begin = frame_start(geometry, frame) - geometry.lead;
  const std::int64_t end = begin + geometry.lead + geometry.window;
  if (const float* const samples = find_positions(lane, begin, end)) return samples + geometry.lead;
  read_positions(lane, geometry.edge, begin, end, copy - geometry.lead);
  return copy;
}

int samples_before_end(const Lane& lane, const FrameGeometry& geometry, std::int64_t frame) noexcept {
  return frame_samples_before(geometry, frame, lane.segment_samples);
}

}  // namespace melstream::engine
