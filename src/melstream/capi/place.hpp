// Rows in the caller's memory, where its strides put them: normalised, repeated, filled. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <span>

#include "melstream/engine/engine.hpp"

namespace melstream::capi {

/// Value (t, m) at values[t * row_stride + m * bin_stride].
struct Place {
  float* values = nullptr;
  std::int64_t n_rows = 0;
  std::int64_t n_bins = 0;
  std::int64_t row_stride = 0;
  std::int64_t bin_stride = 0;

  float* row(std::int64_t t) const noexcept { return values + t * row_stride; }
  Place rows(std::int64_t first, std::int64_t n) const noexcept {
    return {row(first), n, n_bins, row_stride, bin_stride};
  }
  engine::RowsPlace from_row(std::int64_t t) const noexcept { return {row(t), row_stride, bin_stride}; }
};

/// As whisper_frame() of engine/normalization.hpp does with row t and maxima[t]. @param maxima [n_rows].
void normalize_rows(const Place& place, std::span<const float> maxima) noexcept;

/// The same with one maximum for all rows.
void normalize_window(const Place& place, float maximum) noexcept;

/// As per_feature_window() of engine/normalization.hpp does.
void normalize_per_feature(const Place& place) noexcept;

/// Copies the first row of the place over all its rows.
void repeat_first_row(const Place& place) noexcept;

void fill_rows(const Place& place, float value) noexcept;

}  // namespace melstream::capi
