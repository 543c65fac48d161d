#include "melstream/engine/cpu/frame_reader.hpp"

#include <algorithm>
#include <cstddef>

namespace melstream::engine::cpu {
namespace {

float sample_at(const Lane& lane, std::int64_t position) noexcept {
  const auto at = static_cast<std::size_t>(position - lane.samples_begin);
  const std::size_t n_first = lane.samples[0].size();
  return at < n_first ? lane.samples[0][at] : lane.samples[1][at - n_first];
}

}  // namespace

const float* read_frame(const Lane& lane, const FrameGeometry& geometry, std::int64_t frame, float* copy) noexcept {
  const std::int64_t start = frame * geometry.hop - geometry.left;
  const std::int64_t begin = start - geometry.lead;
  const std::int64_t end = start + geometry.window;
  if (begin >= 0 && end <= lane.segment_samples) {
    const std::int64_t offset = begin - lane.samples_begin;
    const auto n_first = static_cast<std::int64_t>(lane.samples[0].size());
    if (offset + (end - begin) <= n_first) return lane.samples[0].data() + offset + geometry.lead;
    if (offset >= n_first) return lane.samples[1].data() + (offset - n_first) + geometry.lead;
  }
  for (std::int64_t position = begin; position < end; ++position) {
    const std::int64_t source = resolve_edge(geometry.edge, position, lane.segment_samples);
    copy[position - start] = source < 0 ? 0.0F : sample_at(lane, source);
  }
  return copy;
}

int samples_before_end(const Lane& lane, const FrameGeometry& geometry, std::int64_t frame) noexcept {
  const std::int64_t start = frame * geometry.hop - geometry.left;
  return static_cast<int>(std::clamp<std::int64_t>(lane.segment_samples - start, 0, geometry.window));
}

}  // namespace melstream::engine::cpu
