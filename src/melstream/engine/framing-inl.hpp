// What framing.cpp and kernels have in common: where a frame lies and which sample stands for a position. Any thread;
// no state. Formulas: tests/golden/README.md section 2.
#pragma once

#include <cstdint>

#include "melstream/engine/framing.hpp"
#include "melstream/engine/host_device.hpp"

namespace melstream::engine {

/// Rounds towards minus infinity; b > 0.
MELSTREAM_HOST_DEVICE constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) noexcept {
  return a / b - static_cast<std::int64_t>(a % b < 0);
}

/// 0 <= result < b.
MELSTREAM_HOST_DEVICE constexpr std::int64_t floor_mod(std::int64_t a, std::int64_t b) noexcept {
  return a - floor_div(a, b) * b;
}

MELSTREAM_HOST_DEVICE constexpr std::int64_t clamped_to(std::int64_t low, std::int64_t v, std::int64_t high) noexcept {
  return v < low ? low : v > high ? high : v;
}

MELSTREAM_HOST_DEVICE constexpr bool reflects(Edge edge) noexcept {
  return edge == Edge::kReflect || edge == Edge::kSymmetric;
}

/// Position of sample 0 of frame t; `lead` samples before it are read as well.
MELSTREAM_HOST_DEVICE constexpr std::int64_t frame_start(const FrameGeometry& g, std::int64_t t) noexcept {
  return t * g.hop - g.left;
}

/// Samples of frame t before the end of a segment of n_samples, at most the window.
MELSTREAM_HOST_DEVICE constexpr int frame_samples_before(const FrameGeometry& g, std::int64_t t,
                                                         std::int64_t n_samples) noexcept {
  return static_cast<int>(clamped_to(0, n_samples - frame_start(g, t), g.window));
}

/// resolve_edge() of framing.hpp.
MELSTREAM_HOST_DEVICE constexpr std::int64_t edge_source(Edge edge, std::int64_t index,
                                                         std::int64_t n_samples) noexcept {
  if (index >= 0 && index < n_samples) return index;
  if (n_samples <= 0 || !reflects(edge)) return -1;
  if (n_samples == 1) return 0;
  if (edge == Edge::kReflect) {
    const std::int64_t r = floor_mod(index, 2 * (n_samples - 1));
    return r < n_samples ? r : 2 * (n_samples - 1) - r;
  }
  const std::int64_t r = floor_mod(index, 2 * n_samples);
  return r < n_samples ? r : 2 * n_samples - 1 - r;
}

}  // namespace melstream::engine
