// Where the samples of one frame lie. Thread: any; no state.
#pragma once

#include <cstdint>

#include "melstream/engine/engine.hpp"

namespace melstream::engine::cpu {

/// Sample 0 of base frame `frame` of a lane: in the lane's own samples if the frame lies in one piece there, else in
/// `copy`, filled by the edge rule. @param copy room for the window, and for geometry.lead samples before it.
const float* read_frame(const Lane& lane, const FrameGeometry& geometry, std::int64_t frame, float* copy) noexcept;

/// Samples of the frame before the segment's end, at most the window.
int samples_before_end(const Lane& lane, const FrameGeometry& geometry, std::int64_t frame) noexcept;

}  // namespace melstream::engine::cpu
