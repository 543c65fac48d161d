// From power spectra to rows: mel filters, logarithm, cepstrum, and back from lanes to rows, four values at a time.
// Every sum runs in the order of its index. Included by kernels-inl.hpp, after log-inl.hpp.

/// Sum of weight * power over the bins of filter m; its weights begin at *weight, which moves on to the next filter's.
MELSTREAM_INLINE V mel(const RowTables& tables, const float* power, std::size_t m, const float** weight) {
  const float* bin = power + tables.first_bin[m];
  V sum = broadcast(0.0F);
  for (std::uint32_t n_left = tables.n_pairs[m]; n_left != 0; --n_left, *weight += 2, bin += 2 * kLanes) {
    sum = mul_add(broadcast((*weight)[0]), load(bin), sum);
    sum = mul_add(broadcast((*weight)[1]), load(bin + kLanes), sum);
  }
  return sum;
}

template <LogBase kBase, LogFloor kFloor>
MELSTREAM_INLINE V floored_logarithm(V v, V floor) {
  if constexpr (kBase == LogBase::kNone) return v;
  return logarithm<kBase>(kFloor == LogFloor::kMax ? maximum(v, floor) : v + floor);
}

/// Writes value_of(0), ... value_of(n - 1), asked for in this order, of each lane to its row, and the largest of each.
template <typename ValueOf>
MELSTREAM_INLINE void write_rows(std::size_t n, const RowSinks& sinks, const ValueOf& value_of) {
  float* rows[kLanes];  // a local copy can stay in registers
  for (std::size_t lane = 0; lane < kLanes; ++lane) rows[lane] = sinks.rows[lane];
  alignas(kLanes * sizeof(float)) float one_each[kLanes];
  V largest = broadcast(-std::numeric_limits<float>::infinity());
  std::size_t m = 0;
  for (; m + 4 <= n; m += 4) {
    V v[4] = {value_of(m), value_of(m + 1), value_of(m + 2), value_of(m + 3)};
    largest = maximum(largest, maximum(maximum(v[0], v[1]), maximum(v[2], v[3])));
    transpose_blocks(v);
    for (std::size_t i = 0; i < 4; ++i) store_stripe(v[i], rows + i, m);
  }
  for (; m < n; ++m) {
    const V v = value_of(m);
    largest = maximum(largest, v);
    store(v, one_each);
    for (std::size_t lane = 0; lane < kLanes; ++lane) rows[lane][m] = one_each[lane];
  }
  store(largest, one_each);
  for (std::size_t lane = 0; lane < kLanes; ++lane) *sinks.maxima[lane] = one_each[lane];
}

/// Writes value_of(0), ... value_of(n - 1), asked for in this order, of all lanes side by side, and the largest of
/// each.
template <typename ValueOf>
MELSTREAM_INLINE void write_columns(std::size_t n, const ColumnSink& sink, const ValueOf& value_of) {
  V largest = broadcast(-std::numeric_limits<float>::infinity());
  float* column = sink.values;
  for (std::size_t m = 0; m < n; ++m, column += sink.bin_stride) {
    const V v = value_of(m);
    largest = maximum(largest, v);
    store_unaligned(v, column);
  }
  store_unaligned(largest, sink.maxima);
}

MELSTREAM_INLINE void write_values(std::size_t n, const RowSinks& sinks, const auto& value_of) {
  write_rows(n, sinks, value_of);
}
MELSTREAM_INLINE void write_values(std::size_t n, const ColumnSink& sink, const auto& value_of) {
  write_columns(n, sink, value_of);
}

/// Cepstrum i of the logarithms `log_mels` [n_mels]; the first may be that of the raw energy instead.
MELSTREAM_INLINE V cepstrum(const RowTables& tables, const float* log_mels, const float* energy, std::size_t i) {
  if (i == 0 && tables.energy_first) {
    return logarithm<LogBase::kE>(maximum(load(energy), broadcast(tables.log.floor_value)));
  }
  const auto n_mels = static_cast<std::size_t>(tables.n_mels);
  const float* const weights = tables.cepstrum.data() + i * n_mels;
  V sum = broadcast(0.0F);
  for (std::size_t j = 0; j < n_mels; ++j) sum = mul_add(broadcast(weights[j]), load(log_mels + j * kLanes), sum);
  return sum;
}

template <LogBase kBase, LogFloor kFloor, typename Sink>
inline void values_of(const RowTables& tables, const Workspace& workspace, const Sink& sink) {
  const V floor = broadcast(tables.log.floor_value);
  const float* const power = workspace.power();
  const auto n_mels = static_cast<std::size_t>(tables.n_mels);
  const float* weight = tables.weights.data();
  const auto log_mel = [&](std::size_t m) MELSTREAM_LAMBDA {
    return floored_logarithm<kBase, kFloor>(mel(tables, power, m, &weight), floor);
  };
  if (tables.n_ceps == 0) return write_values(n_mels, sink, log_mel);
  float* const log_mels = workspace.values();
  for (std::size_t m = 0; m < n_mels; ++m) store(log_mel(m), log_mels + m * kLanes);
  write_values(static_cast<std::size_t>(tables.n_ceps), sink,
               [&](std::size_t i) MELSTREAM_LAMBDA { return cepstrum(tables, log_mels, workspace.energy(), i); });
}

template <typename Sink>
inline void values_of_group(const RowTables& tables, const Workspace& workspace, const Sink& sink) noexcept {
  const bool ten = tables.log.base == LogBase::kTen, max = tables.log.floor == LogFloor::kMax;
  if (tables.log.base == LogBase::kNone) return values_of<LogBase::kNone, LogFloor::kMax>(tables, workspace, sink);
  if (ten && max) return values_of<LogBase::kTen, LogFloor::kMax>(tables, workspace, sink);
  if (ten) return values_of<LogBase::kTen, LogFloor::kAdd>(tables, workspace, sink);
  if (max) return values_of<LogBase::kE, LogFloor::kMax>(tables, workspace, sink);
  values_of<LogBase::kE, LogFloor::kAdd>(tables, workspace, sink);
}

inline void rows_of_group(const RowTables& tables, const Workspace& workspace, const RowSinks& sinks) noexcept {
  values_of_group(tables, workspace, sinks);
}
inline void columns_of_group(const RowTables& tables, const Workspace& workspace, const ColumnSink& sink) noexcept {
  values_of_group(tables, workspace, sink);
}
