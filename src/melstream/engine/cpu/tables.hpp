// The constants of a front end laid out for vectors of n_lanes frames: offsets in floats, not in bins.
#pragma once

#include <cstdint>
#include <vector>

#include "melstream/engine/cpu/fft_tables.hpp"
#include "melstream/engine/front_end.hpp"

namespace melstream::engine::cpu {

/// From samples to a power spectrum. Immutable; front ends with equal TransformSpec share one.
struct TransformTables {
  TransformSpec spec;
  std::vector<float> window;  ///< [geometry.window], times spec.scale
  float energy_scale = 1.0F;  ///< spec.scale squared
  FftTables fft;
};

/// From a power spectrum to a row. Immutable.
struct RowTables {
  int n_mels = 0;
  std::vector<std::uint32_t> first_bin;  ///< [n_mels] offset in floats of a filter's first bin
  std::vector<std::uint32_t> n_pairs;    ///< [n_mels] a filter's weights, two by two
  std::vector<float> weights;            ///< of filter 0, then of filter 1, ...; an odd number is filled up by a zero
  LogSpec log;
  std::vector<float> cepstrum;  ///< [n_ceps][n_mels]; empty without cepstra
  int n_ceps = 0;
  bool energy_first = false;  ///< cepstrum 0 is the logarithm of the raw energy

  /// Floats of a row: n_ceps with cepstra, else n_mels.
  int n_values() const noexcept { return n_ceps > 0 ? n_ceps : n_mels; }
};

TransformTables transform_tables(const TransformSpec& spec, int n_lanes);
RowTables row_tables(const FrontEndSpec& spec, int n_lanes);

}  // namespace melstream::engine::cpu
