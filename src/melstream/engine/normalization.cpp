// Normalizations on finished rows (normalization.hpp). Any thread. Formulas: tests/golden/README.md section 3.
#include "melstream/engine/normalization.hpp"

#include <algorithm>
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

void per_feature_window(std::span<float> values, int n_bins) noexcept {
  if (n_bins <= 0) return;
  const auto stride = static_cast<std::size_t>(n_bins);
  const std::size_t n_rows = values.size() / stride;
  if (n_rows == 1) {
    std::fill(values.begin(), values.end(), 0.0F);  // no deviation to divide by
    return;
  }
  for (std::size_t bin = 0; bin < stride && n_rows > 0; ++bin) {
    const FeatureScale scale = feature_scale(values.data() + bin, static_cast<std::int64_t>(n_rows), n_bins);
    for (std::size_t row = 0; row < n_rows; ++row) {
      float& v = values[row * stride + bin];
      v = feature_value(v, scale);
    }
  }
}

}  // namespace melstream::engine
