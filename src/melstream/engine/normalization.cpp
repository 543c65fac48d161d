// Normalizations on finished rows (normalization.hpp). Any thread. Formulas: tests/golden/README.md section 3.
#include "melstream/engine/normalization.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace melstream::engine {

void whisper_frame(std::span<float> values, float m) noexcept {
  const float floor = m - 8.0F;
  for (float& v : values) v = (std::max(v, floor) + 4.0F) / 4.0F;
}

void whisper_window(std::span<float> values) noexcept {
  if (values.empty()) return;
  whisper_frame(values, *std::max_element(values.begin(), values.end()));
}

namespace {

constexpr std::size_t kBlock = 64;  // bins at once: as many sums as stay on the stack

/// Bins [0, n) of rows that are `stride` floats apart; by row, since rows lie one after another in memory.
void normalize_bins(float* values, std::size_t n_rows, std::size_t stride, std::size_t n) noexcept {
  constexpr double kStdGuard = 1e-5;  // NeMo features.py CONSTANT
  std::array<double, kBlock> mean{};
  std::array<double, kBlock> divisor{};
  const auto each = [&](const auto& f) {
    for (std::size_t row = 0; row < n_rows; ++row) {
      for (std::size_t bin = 0; bin < n; ++bin) f(values[row * stride + bin], bin);
    }
  };
  each([&](float v, std::size_t bin) { mean[bin] += v; });
  for (double& m : mean) m /= static_cast<double>(n_rows);
  each([&](float v, std::size_t bin) {
    const double d = v - mean[bin];
    divisor[bin] += d * d;
  });
  for (double& d : divisor) d = std::sqrt(d / static_cast<double>(n_rows - 1)) + kStdGuard;
  each([&](float& v, std::size_t bin) { v = static_cast<float>((v - mean[bin]) / divisor[bin]); });
}

}  // namespace

void per_feature_window(std::span<float> values, int n_bins) noexcept {
  if (n_bins <= 0) return;
  const auto stride = static_cast<std::size_t>(n_bins);
  const std::size_t n_rows = values.size() / stride;
  if (n_rows == 1) {
    std::fill(values.begin(), values.end(), 0.0F);  // no deviation to divide by
    return;
  }
  for (std::size_t bin = 0; bin < stride && n_rows > 0; bin += kBlock) {
    normalize_bins(values.data() + bin, n_rows, stride, std::min(kBlock, stride - bin));
  }
}

}  // namespace melstream::engine
