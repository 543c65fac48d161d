// Normalizations on finished rows (normalization.hpp). Any thread. Formulas: tests/golden/README.md section 3.
#include "melstream/engine/normalization.hpp"

#include <algorithm>
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

void per_feature_window(std::span<float> values, int n_bins) noexcept {
  constexpr double kStdGuard = 1e-5;  // NeMo features.py CONSTANT
  if (n_bins <= 0) return;
  const auto stride = static_cast<std::size_t>(n_bins);
  const std::size_t n_rows = values.size() / stride;
  if (n_rows == 1) {
    std::fill(values.begin(), values.end(), 0.0F);  // no deviation to divide by
    return;
  }
  for (std::size_t bin = 0; bin < stride && n_rows > 0; ++bin) {
    double sum = 0.0;
    for (std::size_t row = 0; row < n_rows; ++row) sum += values[row * stride + bin];
    const double mean = sum / static_cast<double>(n_rows);
    double squares = 0.0;
    for (std::size_t row = 0; row < n_rows; ++row) {
      const double d = values[row * stride + bin] - mean;
      squares += d * d;
    }
    const double divisor = std::sqrt(squares / static_cast<double>(n_rows - 1)) + kStdGuard;
    for (std::size_t row = 0; row < n_rows; ++row) {
      float& v = values[row * stride + bin];
      v = static_cast<float>((v - mean) / divisor);
    }
  }
}

}  // namespace melstream::engine
