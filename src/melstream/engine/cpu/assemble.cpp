#include "melstream/engine/cpu/assemble.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "melstream/engine/cpu/workspace.hpp"

namespace melstream::engine::cpu {
namespace {

/// The mean over the frames `above` (may be null), `middle`, `below` (may be null) and the bins beside each bin. Sums
/// over frames first, in time order, then over bins in order; cells that do not exist count as exact zeros.
void box3x3(const float* above, const float* middle, const float* below, std::size_t n_bins, bool valid_only,
            float* out) noexcept {
  static constexpr std::array<float, kMaxMels> kNoRow{};
  const int n_rows = 1 + (above != nullptr ? 1 : 0) + (below != nullptr ? 1 : 0);
  const float* const a = above != nullptr ? above : kNoRow.data();
  const float* const b = below != nullptr ? below : kNoRow.data();
  // The bins are written before they are read; zeros first would cost more than the sums.
  std::array<float, kMaxMels> columns;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  for (std::size_t m = 0; m < n_bins; ++m) columns[m] = (a[m] + middle[m]) + b[m];
  const std::size_t shift = valid_only ? 1 : 0;
  const auto n_inner = static_cast<float>(3 * n_rows);
  for (std::size_t m = 1; m + 1 < n_bins; ++m) {
    out[m - shift] = ((columns[m - 1] + columns[m]) + columns[m + 1]) / n_inner;
  }
  if (valid_only) return;
  const auto n_border = static_cast<float>(2 * n_rows);
  out[0] = (columns[0] + columns[1]) / n_border;
  out[n_bins - 1] = (columns[n_bins - 2] + columns[n_bins - 1]) / n_border;
}

void smooth(const CpuPrepared& prepared, const BaseRows& base, std::int64_t row, float* out) noexcept {
  const auto n_values = static_cast<std::size_t>(prepared.rows().n_values());
  const std::int64_t centre = prepared.centre_of(row);
  const float* const middle = base.values + static_cast<std::size_t>(centre - base.first_frame) * n_values;
  const float* const above = centre > 0 ? middle - n_values : nullptr;
  const float* const below = centre + 1 < base.n_frames_total ? middle + n_values : nullptr;
  box3x3(above, middle, below, n_values, prepared.smoothing() == Smoothing::kBox3x3Valid, out);
}

void stack(const CpuPrepared& prepared, const BaseRows& base, std::int64_t row, float* out) noexcept {
  const auto n_values = static_cast<std::size_t>(prepared.rows().n_values());
  const LowFrameRate lfr = prepared.geometry().lfr;
  for (std::int64_t k = 0; k < lfr.m; ++k) {
    const std::int64_t frame =
        std::clamp<std::int64_t>(prepared.centre_of(row) - lfr.m / 2 + k, 0, base.n_frames_total - 1);
    std::memcpy(out, base.values + static_cast<std::size_t>(frame - base.first_frame) * n_values,
                n_values * sizeof(float));
    out += n_values;
  }
}

/// Several at once, since each step of one waits for the step before.
float largest_of(const float* values, std::size_t n) noexcept {
  constexpr std::size_t kAtOnce = 16;
  std::array<float, kAtOnce> largest;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  largest.fill(values[0]);
  std::size_t i = 0;
  for (; i + kAtOnce <= n; i += kAtOnce) {
    for (std::size_t k = 0; k < kAtOnce; ++k) largest[k] = values[i + k] > largest[k] ? values[i + k] : largest[k];
  }
  for (; i < n; ++i) largest[0] = values[i] > largest[0] ? values[i] : largest[0];
  return *std::max_element(largest.begin(), largest.end());
}

}  // namespace

float assemble_row(const CpuPrepared& prepared, const BaseRows& base, std::int64_t row, float* out) noexcept {
  if (prepared.smoothing() != Smoothing::kNone) {
    smooth(prepared, base, row, out);
  } else {
    stack(prepared, base, row, out);
  }
  const auto n_bins = static_cast<std::size_t>(prepared.n_bins());
  if (const auto& cmvn = prepared.front_end().spec().cmvn) {
    for (std::size_t i = 0; i < n_bins; ++i) out[i] = (out[i] + cmvn->shift[i]) * cmvn->scale[i];
  }
  return largest_of(out, n_bins);
}

}  // namespace melstream::engine::cpu
