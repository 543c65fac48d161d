// The expressions of the normalizations (normalization.hpp), for the host and for kernels. Any thread; no state.
// Formulas: tests/golden/README.md section 3.
#pragma once

#include <cmath>
#include <cstdint>

#include "melstream/engine/host_device.hpp"

namespace melstream::engine {

/// What values are raised to where M is the largest.
MELSTREAM_HOST_DEVICE inline float whisper_floor(float m) noexcept { return m - 8.0F; }

/// @param floor whisper_floor(M).
MELSTREAM_HOST_DEVICE inline float whisper_value(float v, float floor) noexcept {
  return ((v < floor ? floor : v) + 4.0F) / 4.0F;
}

/// Of one bin over the rows of a clip.
struct FeatureScale {
  double mean = 0.0;
  double divisor = 1.0;
};

/// @tparam Add of one value. Values are read some ahead, which hides the latency of a GPU's memory; they are added one
/// after another.
template <typename Add>
MELSTREAM_HOST_DEVICE inline double sum_in_order(const float* values, std::int64_t n, std::int64_t stride, Add add) {
  constexpr int kAhead = 16;
  double sum = 0.0;
  std::int64_t row = 0;
  for (; row + kAhead <= n; row += kAhead) {
    float ahead[kAhead];
    for (int k = 0; k < kAhead; ++k) ahead[k] = values[(row + k) * stride];
    for (int k = 0; k < kAhead; ++k) sum = add(sum, ahead[k]);
  }
  for (; row < n; ++row) sum = add(sum, values[row * stride]);
  return sum;
}

struct AddValue {
  MELSTREAM_HOST_DEVICE double operator()(double sum, float v) const noexcept { return sum + v; }
};
struct AddSquare {
  double mean = 0.0;
  MELSTREAM_HOST_DEVICE double operator()(double sum, float v) const noexcept {
    const double d = v - mean;
    return sum + d * d;
  }
};

/// @param squares sum of the squared distances from the mean. @param n_rows at least 2.
MELSTREAM_HOST_DEVICE inline double feature_divisor(double squares, std::int64_t n_rows) {
  constexpr double kStdGuard = 1e-5;  // NeMo features.py CONSTANT
  return std::sqrt(squares / static_cast<double>(n_rows - 1)) + kStdGuard;
}

/// @param n_rows at least 2. @param values value of row t at t * stride.
MELSTREAM_HOST_DEVICE inline FeatureScale feature_scale(const float* values, std::int64_t n_rows, std::int64_t stride) {
  const double mean = sum_in_order(values, n_rows, stride, AddValue{}) / static_cast<double>(n_rows);
  const double squares = sum_in_order(values, n_rows, stride, AddSquare{mean});
  return {mean, feature_divisor(squares, n_rows)};
}

MELSTREAM_HOST_DEVICE inline float feature_value(float v, const FeatureScale& scale) noexcept {
  return static_cast<float>((v - scale.mean) / scale.divisor);
}

}  // namespace melstream::engine
