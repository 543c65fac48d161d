// Power spectrum of any even number 2^a 3^b 5^c of real samples: even and odd samples are the parts of a complex
// signal of half the length; Stockham passes of radix 4, 2, 3 and 5; then the two halves are untangled. Included by
// kernels-inl.hpp.

template <int kRadix>
MELSTREAM_INLINE void dft(Complex (&z)[kRadix]) {
  if constexpr (kRadix == 2) dft2(z[0], z[1]);
  if constexpr (kRadix == 3) dft3(z[0], z[1], z[2]);
  if constexpr (kRadix == 4) dft4(z[0], z[1], z[2], z[3]);
  if constexpr (kRadix == 5) dft5(z[0], z[1], z[2], z[3], z[4]);
}

/// One pass; point i of `from` and `to` is two vectors: real part, imaginary part.
template <int kRadix>
inline void fft_pass(const FftStage& stage, const Twiddle* twiddles, const float* from, float* to) {
  const auto stride = static_cast<std::size_t>(stage.stride);
  const auto n_groups = static_cast<std::size_t>(stage.n_groups);
  for (std::size_t group = 0; group < n_groups; ++group) {
    const Twiddle* const w = twiddles + stage.first_twiddle + group * (kRadix - 1);
    for (std::size_t q = 0; q < stride; ++q) {
      Complex z[kRadix];
      for (std::size_t j = 0; j < kRadix; ++j) {
        const float* const point = from + (q + stride * (group + n_groups * j)) * 2 * kLanes;
        z[j] = {load(point), load(point + kLanes)};
      }
      dft<kRadix>(z);
      for (std::size_t k = 0; k < kRadix; ++k) {
        const Complex turned = k == 0 ? z[0] : twist(z[k], w[k - 1]);
        float* const point = to + (q + stride * (kRadix * group + k)) * 2 * kLanes;
        store(turned.re, point);
        store(turned.im, point + kLanes);
      }
    }
  }
}

/// @param in [n_fft] vectors, overwritten; so is `scratch`, of the same size. @param power [n_fft / 2 + 1] vectors.
inline void fft_any_power(const FftTables& tables, float* in, float* scratch, float* power) {
  float* from = in;
  float* to = scratch;
  for (const FftStage& stage : tables.stages) {
    const Twiddle* const twiddles = tables.twiddles.data();
    switch (stage.radix) {
      case 2:
        fft_pass<2>(stage, twiddles, from, to);
        break;
      case 3:
        fft_pass<3>(stage, twiddles, from, to);
        break;
      case 4:
        fft_pass<4>(stage, twiddles, from, to);
        break;
      default:
        fft_pass<5>(stage, twiddles, from, to);
        break;
    }
    float* const swapped = from;
    from = to;
    to = swapped;
  }
  // Z = E + i O with E, O the transforms of the even and the odd samples: bin k is E[k] + exp(-2 pi i k / n) O[k].
  const auto half = static_cast<std::size_t>(tables.n_fft / 2);
  const V one_half = broadcast(0.5F);
  for (std::size_t k = 0; k <= half; ++k) {
    const float* const p = from + k % half * 2 * kLanes;
    const float* const q = from + (half - k) % half * 2 * kLanes;
    const Complex a{load(p), load(p + kLanes)}, b{load(q), load(q + kLanes)};
    const Complex even{(a.re + b.re) * one_half, (a.im - b.im) * one_half};
    const Complex odd{(a.im + b.im) * one_half, (b.re - a.re) * one_half};
    store(squared_magnitude(even + twist(odd, tables.untangle[k])), power + k * kLanes);
  }
}
