#include "melstream/engine/cpu/scatter.hpp"

#include <cstring>

namespace melstream::engine::cpu {
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

/// Bins m..m + 3 of rows t..t + 3, to columns `bin_stride` apart.
void transpose_tile(const float* rows, std::int64_t n_bins, float* to, std::int64_t bin_stride) noexcept {
  const Floats4 a = load(rows), b = load(rows + n_bins), c = load(rows + 2 * n_bins), d = load(rows + 3 * n_bins);
  const Floats4 ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Floats4 cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  store(to, __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5));
  store(to + bin_stride, __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7));
  store(to + 2 * bin_stride, __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5));
  store(to + 3 * bin_stride, __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7));
}

/// Rows [first_row, n_rows), bins [first_bin, n_bins): what no tile covers.
void scatter_values(const float* rows, std::int64_t first_row, std::int64_t n_rows, std::int64_t first_bin,
                    std::int64_t n_bins, const RowsPlace& place) noexcept {
  for (std::int64_t m = first_bin; m < n_bins; ++m) {
    float* const column = place.values + m * place.bin_stride;
    for (std::int64_t t = first_row; t < n_rows; ++t) column[t * place.row_stride] = rows[t * n_bins + m];
  }
}

}  // namespace

void scatter_rows(const float* rows, std::int64_t n_rows, std::int64_t n_bins, const RowsPlace& place) noexcept {
  if (place.row_stride != 1) {
    scatter_values(rows, 0, n_rows, 0, n_bins, place);
    return;
  }
  const std::int64_t tiled_rows = n_rows / kTile * kTile, tiled_bins = n_bins / kTile * kTile;
  for (std::int64_t m = 0; m < tiled_bins; m += kTile) {
    for (std::int64_t t = 0; t < tiled_rows; t += kTile) {
      transpose_tile(rows + t * n_bins + m, n_bins, place.values + m * place.bin_stride + t, place.bin_stride);
    }
  }
  scatter_values(rows, 0, tiled_rows, tiled_bins, n_bins, place);
  scatter_values(rows, tiled_rows, n_rows, 0, n_bins, place);
}

}  // namespace melstream::engine::cpu
