#include "melstream/capi/placing.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "melstream/engine/normalization.hpp"

namespace melstream::capi {
namespace {

constexpr std::int64_t kTile = 4;
/// Four floats of one register, on every instruction set.
using Floats4 = float __attribute__((vector_size(16)));

Floats4 load(const float* from) noexcept {
  Floats4 v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
void store(float* to, Floats4 v) noexcept { std::memcpy(to, &v, sizeof v); }

constexpr float kRange = 8.0F;

float normalized(float v, float floor) noexcept { return (std::max(v, floor) + 4.0F) / 4.0F; }

/// Bins m..m + 3 of rows t..t + 3, transposed.
struct Tile {
  Floats4 bins[kTile];

  Tile(const float* rows, std::int64_t n_bins) noexcept {
    const Floats4 a = load(rows), b = load(rows + n_bins), c = load(rows + 2 * n_bins), d = load(rows + 3 * n_bins);
    const Floats4 ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                  ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const Floats4 cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5),
                  cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    bins[0] = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
    bins[1] = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
    bins[2] = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
    bins[3] = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
  }
  void normalize(Floats4 floors) noexcept {
    for (Floats4& v : bins) v = ((v > floors ? v : floors) + 4.0F) * 0.25F;
  }
};

/// One value after another: what no tile covers.
void place_values(const float* rows, const float* maxima, const Place& place, std::int64_t first_row,
                  std::int64_t first_bin) noexcept {
  for (std::int64_t t = first_row; t < place.n_rows; ++t) {
    for (std::int64_t m = first_bin; m < place.n_bins; ++m) {
      const float v = rows[t * place.n_bins + m];
      place.row(t)[m * place.bin_stride] = maxima == nullptr ? v : normalized(v, maxima[t] - kRange);
    }
  }
}

/// Mel-major: row_stride is 1. Sixteen rows at a time, so that a store fills a cache line of each bin.
void place_transposed(const float* rows, const float* maxima, const Place& place) noexcept {
  constexpr std::int64_t kBand = 4 * kTile;
  const std::int64_t n_rows = place.n_rows / kTile * kTile, n_bins = place.n_bins / kTile * kTile;
  for (std::int64_t band = 0; band < n_rows; band += kBand) {
    const std::int64_t band_end = std::min(band + kBand, n_rows);
    for (std::int64_t m = 0; m < n_bins; m += kTile) {
      for (std::int64_t t = band; t < band_end; t += kTile) {
        Tile tile(rows + t * place.n_bins + m, place.n_bins);
        if (maxima != nullptr) tile.normalize(load(maxima + t) - kRange);
        for (std::int64_t i = 0; i < kTile; ++i) store(place.values + (m + i) * place.bin_stride + t, tile.bins[i]);
      }
    }
  }
  const Place covered{place.values, n_rows, place.n_bins, place.row_stride, place.bin_stride};
  place_values(rows, maxima, covered, 0, n_bins);
  place_values(rows, maxima, place, n_rows, 0);
}

/// The two loops over a place, the one with the smaller stride inside: f(first of a line, floats in it, their stride).
template <typename F>
void each_line(const Place& place, const F& f) {
  const bool by_row = place.bin_stride <= place.row_stride;
  const std::int64_t n_lines = by_row ? place.n_rows : place.n_bins, n = by_row ? place.n_bins : place.n_rows;
  const std::int64_t line_stride = by_row ? place.row_stride : place.bin_stride;
  const std::int64_t stride = by_row ? place.bin_stride : place.row_stride;
  for (std::int64_t i = 0; i < n_lines; ++i) f(place.values + i * line_stride, n, stride);
}

}  // namespace

void place_rows(const float* rows, std::span<const float> maxima, const Place& place) noexcept {
  const float* const largest = maxima.empty() ? nullptr : maxima.data();
  if (place.row_stride == 1 && place.bin_stride != 1) {
    place_transposed(rows, largest, place);
    return;
  }
  if (place.bin_stride != 1) {
    place_values(rows, largest, place, 0, 0);
    return;
  }
  for (std::int64_t t = 0; t < place.n_rows; ++t) {
    const float* const from = rows + t * place.n_bins;
    float* const to = place.row(t);
    if (largest == nullptr) {
      if (from != to) std::copy_n(from, place.n_bins, to);
      continue;
    }
    const float floor = largest[t] - kRange;
    for (std::int64_t m = 0; m < place.n_bins; ++m) to[m] = normalized(from[m], floor);
  }
}

void normalize_whisper(const Place& place, float maximum) noexcept {
  const float floor = maximum - kRange;
  each_line(place, [floor](float* line, std::int64_t n, std::int64_t stride) {
    if (stride == 1) {
      for (std::int64_t i = 0; i < n; ++i) line[i] = normalized(line[i], floor);
    } else {
      for (std::int64_t i = 0; i < n; ++i) line[i * stride] = normalized(line[i * stride], floor);
    }
  });
}

void normalize_per_feature(const Place& place) {
  const auto n_values = static_cast<std::size_t>(place.n_rows * place.n_bins);
  const auto n_bins = static_cast<int>(place.n_bins);
  if (place.is_plain()) {
    engine::per_feature_window({place.values, n_values}, n_bins);
    return;
  }
  std::vector<float> rows(n_values);
  for (std::int64_t t = 0; t < place.n_rows; ++t) {
    for (std::int64_t m = 0; m < place.n_bins; ++m) {
      rows[static_cast<std::size_t>(t * place.n_bins + m)] = place.row(t)[m * place.bin_stride];
    }
  }
  engine::per_feature_window(rows, n_bins);
  place_rows(rows.data(), {}, place);
}

void repeat_row(const Place& place, std::int64_t from) noexcept {
  const float* const source = place.row(from);
  for (std::int64_t m = 0; place.row_stride == 1 && m < place.n_bins; ++m) {
    float* const line = place.values + m * place.bin_stride;
    std::fill_n(line, place.n_rows, float{source[m * place.bin_stride]});
  }
  for (std::int64_t t = 0; place.row_stride != 1 && t < place.n_rows; ++t) {
    if (t == from) continue;
    for (std::int64_t m = 0; m < place.n_bins; ++m) place.row(t)[m * place.bin_stride] = source[m * place.bin_stride];
  }
}

void fill_rows(const Place& place, float value) noexcept {
  each_line(place, [value](float* line, std::int64_t n, std::int64_t stride) {
    for (std::int64_t i = 0; i < n; ++i) line[i * stride] = value;
  });
}

}  // namespace melstream::capi
