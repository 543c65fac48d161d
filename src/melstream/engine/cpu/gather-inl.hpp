// From the samples of kLanes frames to the windowed input of the FFT, one frame a lane: 4x4 blocks are transposed in
// registers. Included by kernels-inl.hpp.

/// Samples at..at+3 of all frames: x[i] holds sample at + i.
MELSTREAM_INLINE void load_samples(const float* const* frames, std::size_t at, V x[4]) {
  for (std::size_t i = 0; i < 4; ++i) x[i] = load_stripe(frames + i, at);
  transpose_blocks(x);
}

MELSTREAM_INLINE V load_one_sample(const float* const* frames, std::ptrdiff_t at) {
  alignas(kLanes * sizeof(float)) float samples[kLanes];
  for (std::size_t lane = 0; lane < kLanes; ++lane) samples[lane] = frames[lane][at];
  return load(samples);
}

/// Window and, for pre-emphasis of the whole signal, y[n] = x[n] - c x[n - 1] before it. One pass.
template <bool kPreEmphasis>
inline void gather_window(const TransformTables& tables, const FrameGroup& group, float* input) {
  const float* frames[kLanes];  // a local copy can stay in registers
  for (std::size_t lane = 0; lane < kLanes; ++lane) frames[lane] = group.frames[lane];
  const std::size_t n_window = tables.window.size();
  const float* const window = tables.window.data();
  const std::uint32_t* const slots = tables.fft.slots.data();
  const V c = broadcast(tables.spec.pre_emphasis);
  V previous = kPreEmphasis ? load_one_sample(frames, -1) : c;
  const auto put = [&](V x, std::size_t n) MELSTREAM_LAMBDA {
    const V y = kPreEmphasis ? neg_mul_add(c, previous, x) : x;
    store(y * broadcast(window[n]), input + slots[n]);
    previous = x;
  };
  std::size_t n = 0;
  for (V x[4]; n + 4 <= n_window; n += 4) {
    load_samples(frames, n, x);
    for (std::size_t i = 0; i < 4; ++i) put(x[i], n + i);
  }
  for (; n < n_window; ++n) put(load_one_sample(frames, static_cast<std::ptrdiff_t>(n)), n);
}

/// All samples to `raw`; returns their sum (four running sums, then added up).
inline V gather_raw(const FrameGroup& group, std::size_t n_window, float* raw) {
  const float* frames[kLanes];
  for (std::size_t lane = 0; lane < kLanes; ++lane) frames[lane] = group.frames[lane];
  V sums[4];
  for (V& sum : sums) sum = broadcast(0.0F);
  std::size_t n = 0;
  for (V x[4]; n + 4 <= n_window; n += 4) {
    load_samples(frames, n, x);
    for (std::size_t i = 0; i < 4; ++i) {
      sums[i] = sums[i] + x[i];
      store(x[i], raw + (n + i) * kLanes);
    }
  }
  for (; n < n_window; ++n) {
    const V x = load_one_sample(frames, static_cast<std::ptrdiff_t>(n));
    sums[n % 4] = sums[n % 4] + x;
    store(x, raw + n * kLanes);
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// Kaldi's frame: minus its mean, then y[n] = x[n] - c x[n - 1] with x[-1] = x[0], then the window.
template <bool kEnergy>
inline void condition_frame(const TransformTables& tables, V mean, const Workspace& workspace) {
  const float* raw = workspace.raw();
  const float* window = tables.window.data();
  const std::uint32_t* slots = tables.fft.slots.data();
  float* const input = workspace.input();
  const bool emphasize = tables.spec.pre_emphasis_scope == PreEmphasisScope::kFrame;
  const V c = broadcast(emphasize ? tables.spec.pre_emphasis : 0.0F);
  V previous = load(raw) - mean;
  V energy = broadcast(0.0F);
  const auto put = [&](std::size_t n) MELSTREAM_LAMBDA {
    const V x = load(raw + n * kLanes) - mean;
    if constexpr (kEnergy) energy = mul_add(x, x, energy);
    store(neg_mul_add(c, previous, x) * broadcast(window[n]), input + slots[n]);
    previous = x;
  };
  std::size_t n_left = tables.window.size();
  for (; n_left >= 4; n_left -= 4, raw += 4 * kLanes, window += 4, slots += 4) {
    for (std::size_t i = 0; i < 4; ++i) put(i);
  }
  for (std::size_t i = 0; i < n_left; ++i) put(i);
  if constexpr (kEnergy) store(energy * broadcast(tables.energy_scale), workspace.energy());
}

/// Zeros at and behind the segment's end: y there is 0, not x[n] - c x[n - 1].
inline void cut_frames(const TransformTables& tables, const FrameGroup& group, float* input) {
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    for (auto n = static_cast<std::size_t>(group.n_valid[lane]); n < tables.window.size(); ++n) {
      input[tables.fft.slots[n] + lane] = 0.0F;
    }
  }
}

inline void gather(const TransformTables& tables, const FrameGroup& group, const Workspace& workspace) {
  const TransformSpec& spec = tables.spec;
  float* const input = workspace.input();
  for (const std::uint32_t slot : tables.fft.zero_slots) store(broadcast(0.0F), input + slot);
  if (spec.remove_dc || spec.pre_emphasis_scope == PreEmphasisScope::kFrame || group.wants_energy) {
    const V sum = gather_raw(group, tables.window.size(), workspace.raw());
    const V mean = spec.remove_dc ? sum / broadcast(static_cast<float>(tables.window.size())) : broadcast(0.0F);
    if (group.wants_energy) {
      condition_frame<true>(tables, mean, workspace);
    } else {
      condition_frame<false>(tables, mean, workspace);
    }
  } else if (spec.pre_emphasis_scope == PreEmphasisScope::kSignal) {
    gather_window<true>(tables, group, input);
    if (group.any_cut) cut_frames(tables, group, input);
  } else {
    gather_window<false>(tables, group, input);
  }
}
