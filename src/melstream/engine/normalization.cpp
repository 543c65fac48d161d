// Normalizations on finished rows (normalization.hpp). Any thread. Formulas: tests/golden/README.md section 3.
#include "melstream/engine/normalization.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "melstream/engine/normalization-inl.hpp"

namespace melstream::engine {

void whisper_frame(std::span<float> values, float m) noexcept {
  const float floor = whisper_floor(m);
  for (float& v : values) v = whisper_value(v, floor);
}

void whisper_window(std::span<float> values) noexcept {
  if (values.empty()) return;
  whisper_frame(values, *std::max_element(values.begin(), values.end()));
}

namespace {

constexpr std::size_t kBlock = 64;  // bins at once: as many sums as stay on the stack

/// Bins [0, n) of rows that are `stride` floats apart, as feature_scale() and feature_value() one by one, but row by
/// row, as they lie in memory.
void normalize_bins(float* values, std::size_t n_rows, std::size_t stride, std::size_t n) noexcept {
  std::array<FeatureScale, kBlock> scales{};
  std::array<double, kBlock> sums{};
  const auto each = [&](const auto& f) {
    for (std::size_t row = 0; row < n_rows; ++row) {
      for (std::size_t bin = 0; bin < n; ++bin) f(values[row * stride + bin], bin);
    }
  };
  each([&](float v, std::size_t bin) { sums[bin] = AddValue{}(sums[bin], v); });
  for (std::size_t bin = 0; bin < n; ++bin) scales[bin].mean = sums[bin] / static_cast<double>(n_rows);
  sums.fill(0.0);
  each([&](float v, std::size_t bin) { sums[bin] = AddSquare{scales[bin].mean}(sums[bin], v); });
  for (std::size_t bin = 0; bin < n; ++bin)
    scales[bin].divisor = feature_divisor(sums[bin], static_cast<std::int64_t>(n_rows));
  each([&](float& v, std::size_t bin) { v = feature_value(v, scales[bin]); });
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
