#include "melstream/engine/cpu/tables.hpp"

#include "melstream/engine/tables.hpp"

namespace melstream::engine::cpu {

TransformTables transform_tables(const TransformSpec& spec, int n_lanes) {
  TransformTables tables;
  tables.spec = spec;
  tables.window = window_weights(spec.window, spec.geometry.window);
  // All steps before the window are linear and the scale is a power of two: the bits are those of scaled samples.
  for (float& weight : tables.window) weight *= spec.scale;
  tables.energy_scale = spec.scale * spec.scale;
  tables.fft = fft_tables(spec.n_fft, spec.geometry.window, n_lanes);
  return tables;
}

RowTables row_tables(const FrontEndSpec& spec, int n_lanes) {
  const MelFilters filters = mel_filters(spec.mel, spec.transform.n_fft);
  RowTables tables;
  tables.n_mels = spec.mel.n_mels;
  for (std::size_t m = 0; m < filters.first_bin.size(); ++m) {
    tables.first_bin.push_back(static_cast<std::uint32_t>(filters.first_bin[m] * n_lanes));
    tables.weights.insert(tables.weights.end(), filters.weights.begin() + filters.offset[m],
                          filters.weights.begin() + filters.offset[m + 1]);
    const std::int32_t n_weights = filters.offset[m + 1] - filters.offset[m];
    if (n_weights % 2 != 0) tables.weights.push_back(0.0F);
    tables.n_pairs.push_back(static_cast<std::uint32_t>((n_weights + 1) / 2));
  }
  tables.log = spec.log;
  if (spec.cepstrum) {
    tables.cepstrum = cepstrum_matrix(*spec.cepstrum, spec.mel.n_mels);
    tables.n_ceps = spec.cepstrum->n_ceps;
    tables.energy_first = spec.cepstrum->energy == EnergyTerm::kRawEnergy;
  }
  return tables;
}

}  // namespace melstream::engine::cpu
