// Where the samples of frames lie. Thread: any; no state.
#pragma once

#include <cstdint>

#include "melstream/engine/engine.hpp"

namespace melstream::engine {

/// Sample 0 of base frame `frame` of a lane: in the lane's own samples if the frame lies in one piece there, else in
/// `copy`, filled by the edge rule. @param copy room for the window, and for geometry.lead samples before it.
const float* read_frame(const Lane& lane, const FrameGeometry& geometry, std::int64_t frame, float* copy) noexcept;

/// Copies positions [begin, end) of a lane's segment, edges resolved, to `to` [end - begin].
void read_positions(const Lane& lane, Edge edge, std::int64_t begin, std::int64_t end, float* to) noexcept;

/// Where positions [begin, end) lie in one piece of the lane's own samples; null if they do not.
const float* find_positions(const Lane& lane, std::int64_t begin, std::int64_t end) noexcept;

/// Samples of the frame before the segment's end, at most the window.
int samples_before_end(const Lane& lane, const FrameGeometry& geometry, std::int64_t frame) noexcept;

}  // namespace melstream::engine
