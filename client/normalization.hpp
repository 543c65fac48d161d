// Normalizations over a whole file: they need every frame before the first is known, so the client computes them.
#pragma once

#include "client/matrix.hpp"

namespace melstream::client {

/// values := (max(v, M - 8) + 4) / 4, M the largest value of the matrix (openai/whisper audio.py). float32.
void whisper_window(FeatureMatrix& matrix) noexcept;
/// Per bin (v - mean) / (std + 1e-5) over all frames, std divided by frames - 1; one frame gives 0 (NeMo
/// features.py). Sums in double.
void per_feature_window(FeatureMatrix& matrix) noexcept;

}  // namespace melstream::client
