// Normalizations as pure functions on rows. Applied when a block is encoded, when a window is cut, or by a client.
#pragma once

#include <cstdint>
#include <span>

namespace melstream::engine {

enum class Normalization : std::uint8_t {
  kNone,
  kRunningMax,        ///< whisper_frame() with the largest value since the subscription's first frame
  kFixedMax,          ///< whisper_frame() with the reader's constant
  kWhisperWindow,     ///< whisper_frame() with the largest value of the window
  kPerFeatureWindow,  ///< per bin (v - mean) / (std + 1e-5), unbiased std; one frame gives 0 (NeMo)
};

/// values := (max(v, m - 8) + 4) / 4 (openai/whisper audio.py).
void whisper_frame(std::span<float> values, float m) noexcept;
/// @param values [n_rows][n_bins] row-major.
void whisper_window(std::span<float> values) noexcept;
/// @param values [n_rows][n_bins] row-major; sums in double.
void per_feature_window(std::span<float> values, int n_bins) noexcept;

}  // namespace melstream::engine
