// From power spectra to rows: mel filters, logarithm, cepstrum, and back from lanes to rows. Every sum runs in the
// order of its index. Included by kernels-inl.hpp, after log-inl.hpp.

/// values[m] = sum of weight * power over the filter's bins.
inline void mel(const RowTables& tables, const float* power, float* values) {
  const float* weight = tables.weights.data();
  for (std::size_t m = 0; m < static_cast<std::size_t>(tables.n_mels); ++m) {
    const float* const end = tables.weights.data() + tables.offset[m + 1];
    const float* bin = power + tables.first_bin[m];
    V sum = broadcast(0.0F);
    for (; weight != end; ++weight, bin += kLanes) sum = mul_add(broadcast(*weight), load(bin), sum);
    store(sum, values + m * kLanes);
  }
}

template <LogBase kBase, LogFloor kFloor>
inline void logarithms(float floor_value, std::size_t n, float* values) {
  const V floor = broadcast(floor_value);
  for (std::size_t m = 0; m < n; ++m) {
    const V v = load(values + m * kLanes);
    store(logarithm<kBase>(kFloor == LogFloor::kMax ? maximum(v, floor) : v + floor), values + m * kLanes);
  }
}

inline void logarithms(const LogSpec& spec, std::size_t n, float* values) {
  const bool ten = spec.base == LogBase::kTen, max = spec.floor == LogFloor::kMax;
  if (spec.base == LogBase::kNone) return;
  if (ten && max) return logarithms<LogBase::kTen, LogFloor::kMax>(spec.floor_value, n, values);
  if (ten) return logarithms<LogBase::kTen, LogFloor::kAdd>(spec.floor_value, n, values);
  if (max) return logarithms<LogBase::kE, LogFloor::kMax>(spec.floor_value, n, values);
  logarithms<LogBase::kE, LogFloor::kAdd>(spec.floor_value, n, values);
}

inline void cepstra(const RowTables& tables, const float* log_mels, const float* energy, float* values) {
  const auto n_mels = static_cast<std::size_t>(tables.n_mels);
  for (std::size_t i = 0; i < static_cast<std::size_t>(tables.n_ceps); ++i) {
    V sum = broadcast(0.0F);
    for (std::size_t j = 0; j < n_mels; ++j) {
      sum = mul_add(broadcast(tables.cepstrum[i * n_mels + j]), load(log_mels + j * kLanes), sum);
    }
    store(sum, values + i * kLanes);
  }
  if (tables.energy_first) {
    store(logarithm<LogBase::kE>(maximum(load(energy), broadcast(tables.log.floor_value))), values);
  }
}

/// values [n][kLanes] to rows [kLanes][n] and the largest of each row.
inline void scatter(const float* values, std::size_t n, const RowSinks& sinks) {
  float* rows[kLanes];  // a local copy can stay in registers
  for (std::size_t lane = 0; lane < kLanes; ++lane) rows[lane] = sinks.rows[lane];
  V largest = load(values);
  std::size_t m = 0;
  for (; m + 4 <= n; m += 4) {
    V v[4];
    for (std::size_t i = 0; i < 4; ++i) {
      v[i] = load(values + (m + i) * kLanes);
      largest = maximum(largest, v[i]);
    }
    transpose_blocks(v);
    for (std::size_t i = 0; i < 4; ++i) store_stripe(v[i], rows + i, m);
  }
  for (; m < n; ++m) {
    largest = maximum(largest, load(values + m * kLanes));
    for (std::size_t lane = 0; lane < kLanes; ++lane) rows[lane][m] = values[m * kLanes + lane];
  }
  alignas(kLanes * sizeof(float)) float maxima[kLanes];
  store(largest, maxima);
  for (std::size_t lane = 0; lane < kLanes; ++lane) *sinks.maxima[lane] = maxima[lane];
}
