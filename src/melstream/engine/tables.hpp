// The constants of a front end as tables: computed in double, rounded once to float, the same for every backend.
#pragma once

#include <cstdint>
#include <vector>

#include "melstream/engine/front_end.hpp"

namespace melstream::engine {

/// Window weights, [geometry.window], not scaled. Formulas: tests/golden/README.md section 1.
std::vector<float> window_weights(WindowShape shape, int n_window);

/// Sparse triangular filters over power bins 0..n_fft/2. Filter m: weights[offset[m] .. offset[m+1]) on bins
/// first_bin[m], first_bin[m] + 1, ... No stored weight at either end is 0; an empty filter has none.
struct MelFilters {
  std::vector<std::int32_t> first_bin;  ///< [n_mels]
  std::vector<std::int32_t> offset;     ///< [n_mels + 1]
  std::vector<float> weights;
};
MelFilters mel_filters(const MelSpec& spec, int n_fft);
/// Where each filter is largest, [n_mels]: the axis of a spectrogram.
std::vector<double> mel_centres_hz(const MelSpec& spec);

/// Orthonormal DCT-II times lifter, [n_ceps][n_mels] row-major.
std::vector<float> cepstrum_matrix(const CepstrumSpec& spec, int n_mels);

}  // namespace melstream::engine
