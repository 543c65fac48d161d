// Rows made of several base rows: smoothed, stacked (LFR), normalised by CMVN. Plain sums in one fixed order, the same
// bits on every instruction target for equal base rows. Thread: any; no state.
#pragma once

#include <cstdint>
#include <span>

#include "melstream/engine/cpu/prepared.hpp"

namespace melstream::engine::cpu {

/// Base rows of adjacent frames.
struct BaseRows {
  const float* values = nullptr;  ///< [frames][n_values]
  std::int64_t first_frame = 0;
  std::int64_t n_frames_total = 0;  ///< frames of the whole segment, kOpenEnd while it grows
};

/// Writes row number `row` of the front end to `out` [n_bins] and returns its largest value.
float assemble_row(const CpuPrepared& prepared, const BaseRows& base, std::int64_t row, float* out) noexcept;

}  // namespace melstream::engine::cpu
