#include "client/normalization.hpp"

#include <algorithm>
#include <cmath>

namespace melstream::client {

void whisper_window(FeatureMatrix& matrix) noexcept {
  if (matrix.values.empty()) return;
  const float floor = *std::max_element(matrix.values.begin(), matrix.values.end()) - 8.0f;
  for (float& value : matrix.values) value = (std::max(value, floor) + 4.0f) / 4.0f;
}

void per_feature_window(FeatureMatrix& matrix) noexcept {
  const auto n_bins = static_cast<std::size_t>(matrix.bins);
  const auto n_frames = static_cast<std::size_t>(matrix.frames());
  for (std::size_t bin = 0; bin < n_bins; ++bin) {
    const auto at = [&](std::size_t frame) -> float& { return matrix.values[frame * n_bins + bin]; };
    double sum = 0;
    for (std::size_t frame = 0; frame < n_frames; ++frame) sum += at(frame);
    const double mean = sum / static_cast<double>(n_frames);
    double squares = 0;
    for (std::size_t frame = 0; frame < n_frames; ++frame) {
      const double difference = at(frame) - mean;
      squares += difference * difference;
    }
    const double deviation = n_frames > 1 ? std::sqrt(squares / static_cast<double>(n_frames - 1)) : 0.0;
    for (std::size_t frame = 0; frame < n_frames; ++frame) {
      at(frame) = static_cast<float>((at(frame) - mean) / (deviation + 1e-5));
    }
  }
}

}  // namespace melstream::client
