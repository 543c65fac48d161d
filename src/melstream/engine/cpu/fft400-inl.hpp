// Power spectrum of 400 real samples: 25 transforms of 16 real points, in place, then for each of their bins a
// transform of 25 points as 5 x 5. 16 and 25 share no factor, so that with the orders of fft_tables.cpp nothing is
// multiplied in between (Good 1958, Thomas 1963). Included by kernels-inl.hpp.

inline constexpr std::size_t kColumn = kColumnStride * kLanes;

/// z[5 k + s] becomes bin k + 5 s of the transform of the 25 points re[n * kColumn], im[n * kColumn].
/// @param twiddles [5][5] exp(-2 pi i k n / 25).
MELSTREAM_INLINE void dft25(const float* re, const float* im, const Twiddle* twiddles, Complex z[25]) {
  MELSTREAM_UNROLL(5)
  for (std::size_t n = 0; n < 5; ++n) {
    Complex p[5];
    for (std::size_t q = 0; q < 5; ++q) p[q] = {load(re + (n + 5 * q) * kColumn), load(im + (n + 5 * q) * kColumn)};
    dft5(p[0], p[1], p[2], p[3], p[4]);
    z[n] = p[0];
    for (std::size_t k = 1; k < 5; ++k) {
      z[5 * k + n] = n == 0 ? p[k] : twist(p[k], twiddles[5 * k + n]);
    }
  }
  MELSTREAM_UNROLL(5)
  for (int k = 0; k < 5; ++k) dft5(z[5 * k], z[5 * k + 1], z[5 * k + 2], z[5 * k + 3], z[5 * k + 4]);
}

/// Bins 0, 16, 32, ... and 8, 24, 40, ...: two real rows as the parts of one complex signal, then taken apart.
inline void fft400_real_rows(const FftTables& tables, const float* in, float* power) {
  Complex z[25];
  dft25(in, in + 8 * kLanes, tables.row_twiddles.data(), z);
  const std::uint32_t* const slots0 = tables.power_slots.data();
  const std::uint32_t* const slots8 = slots0 + std::size_t{8} * 25;
  const V quarter = broadcast(0.25F);
  MELSTREAM_UNROLL(13)
  for (int k = 0; k <= 12; ++k) {
    const int mirrored = (25 - k) % 25;
    const Complex a = z[5 * (k % 5) + k / 5], b = z[5 * (mirrored % 5) + mirrored / 5];
    store(squared_magnitude({a.re + b.re, a.im - b.im}) * quarter, power + slots0[k]);
    store(squared_magnitude({a.im + b.im, b.re - a.re}) * quarter, power + slots8[k]);
  }
}

/// @param in as FftTables::slots says; overwritten. @param power [201] vectors.
inline void fft400_power(const FftTables& tables, float* in, float* power) {
  for (std::size_t column = 0; column < 25; ++column) {
    float* const at = in + column * kColumn;
    V x[16], re[9], im[8];
    for (std::size_t row = 0; row < 16; ++row) x[row] = load(at + row * kLanes);
    real16<16>(x, re, im);
    for (std::size_t k = 0; k <= 8; ++k) store(re[k], at + k * kLanes);
    for (std::size_t k = 1; k < 8; ++k) store(im[k], at + (8 + k) * kLanes);
  }
  fft400_real_rows(tables, in, power);
  for (std::size_t k1 = 1; k1 < 8; ++k1) {
    Complex z[25];
    dft25(in + k1 * kLanes, in + (8 + k1) * kLanes, tables.row_twiddles.data(), z);
    const std::uint32_t* slots = tables.power_slots.data() + k1 * 25;
    MELSTREAM_UNROLL(5)
    for (std::size_t k = 0; k < 5; ++k) {
      for (std::size_t s = 0; s < 5; ++s) store(squared_magnitude(z[5 * k + s]), power + slots[k + 5 * s]);
    }
  }
}
