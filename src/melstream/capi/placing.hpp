// Rows on their way to the caller's memory: laid out by its strides, normalised on the way or afterwards where they
// lie. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace melstream::capi {

/// Rows in the caller's memory: value (t, m) at values[t * row_stride + m * bin_stride].
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
  /// The engine can write its rows there.
  bool is_plain() const noexcept { return bin_stride == 1 && (row_stride == n_bins || n_rows <= 1); }
};

/// Copies rows; with maxima, row t as (max(v, maxima[t] - 8) + 4) / 4 (engine/normalization.hpp).
/// @param rows [n_rows][n_bins]. May be place.values themselves if the place is plain.
/// @param maxima [n_rows], or empty: as they are.
void place_rows(const float* rows, std::span<const float> maxima, const Place& place) noexcept;

/// As whisper_frame() of engine/normalization.hpp does, in place.
void normalize_whisper(const Place& place, float maximum) noexcept;

/// As per_feature_window() of engine/normalization.hpp does, in place. Allocates unless the place is plain.
void normalize_per_feature(const Place& place);

/// Copies row `from` of the place over all its rows.
void repeat_row(const Place& place, std::int64_t from) noexcept;

void fill_rows(const Place& place, float value) noexcept;

}  // namespace melstream::capi
