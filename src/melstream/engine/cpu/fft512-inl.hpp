// Power spectrum of at most 416 real samples, padded to 512: 32 columns of 16 real points, of which 3 are always 0, in
// place, then for each of their bins a row of 32 points. Included by kernels-inl.hpp, after fft400-inl.hpp.

/// Bin 8 of each column is real, like bin 0, and without its own twiddle; odd_row() accounts for that.
inline void fft512_columns(const FftTables& tables, float* in) {
  for (std::size_t column = 0; column < 32; ++column) {
    float* const at = in + column * kColumn;
    const Twiddle* const w = tables.twiddles.data() + 8 * column;
    V x[16], re[9], im[8];
    for (std::size_t row = 0; row < 13; ++row) x[row] = load(at + row * kLanes);
    real16<13>(x, re, im);
    store(re[0], at);
    store(re[8], at + 8 * kLanes);
    MELSTREAM_UNROLL(7)
    for (std::size_t k = 1; k < 8; ++k) {
      const Complex z = twist({re[k], im[k]}, w[k]);
      store(z.re, at + k * kLanes);
      store(z.im, at + (8 + k) * kLanes);
    }
  }
}

/// Bins k1 + 16 k2 for one k1 of 1..7: 32 complex points as 4 x 8.
MELSTREAM_INLINE void fft512_complex_row(const Twiddle* twiddles, const float* re, const float* im,
                                         const std::uint32_t* slots, float* power) {
  Complex z[32];
  MELSTREAM_UNROLL(8)
  for (std::size_t n = 0; n < 8; ++n) {
    Complex p[4];
    for (std::size_t q = 0; q < 4; ++q) p[q] = {load(re + (n + 8 * q) * kColumn), load(im + (n + 8 * q) * kColumn)};
    dft4(p[0], p[1], p[2], p[3]);
    z[n] = p[0];
    for (std::size_t k = 1; k < 4; ++k) z[8 * k + n] = n == 0 ? p[k] : twist(p[k], twiddles[8 * k + n]);
  }
  MELSTREAM_UNROLL(4)
  for (std::size_t k = 0; k < 4; ++k) {
    dft8(z + 8 * k);
    for (std::size_t s = 0; s < 8; ++s) store(squared_magnitude(z[8 * k + s]), power + slots[k + 4 * s]);
  }
}

/// Bins 0, 16, 32, ... 256: a real signal of 32 points.
inline void fft512_even_row(const Twiddle* twiddles, const float* row, float* power) {
  V x[32], sums[16], re[9], im[8];
  for (std::size_t n = 0; n < 32; ++n) x[n] = load(row + n * kColumn);
  for (std::size_t n = 0; n < 16; ++n) sums[n] = x[n] + x[n + 16];
  real16<16>(sums, re, im);
  store(re[0] * re[0], power);
  store(re[8] * re[8], power + 256 * kLanes);
  for (std::size_t k = 1; k < 8; ++k) store(squared_magnitude({re[k], im[k]}), power + 32 * k * kLanes);
  // The odd bins: the transform of (d[n] - i d[n + 8]) exp(-2 pi i n / 32), n = 0..7, gives 1, 5, 9, ...
  Complex z[8];
  for (std::size_t n = 0; n < 8; ++n) {
    z[n] = twist({x[n] - x[n + 16], x[n + 24] - x[n + 8]}, twiddles[8 + n]);
  }
  dft8(z);
  for (std::size_t j = 0; j < 8; ++j) {
    const std::size_t bin = 16 * (4 * j + 1);
    store(squared_magnitude(z[j]), power + (bin <= 256 ? bin : 512 - bin) * kLanes);
  }
}

/// Bins 8, 24, 40, ...: 32 real values times exp(-2 pi i n / 64). As in real8, half of the bins mirror the other half:
/// the transform of (x[n] - i x[n + 16]) exp(-2 pi i n / 64), n = 0..15, gives bins 8, 40, 72, ...
inline void fft512_odd_row(const Twiddle* twiddles, const float* row, float* power) {
  const V zero = broadcast(0.0F);
  Complex z[16];
  for (std::size_t n = 0; n < 16; ++n) {
    z[n] = twist({load(row + n * kColumn), zero - load(row + (n + 16) * kColumn)}, twiddles[n]);
  }
  const Twiddle* const sixteenths = twiddles + 16;
  MELSTREAM_UNROLL(4)
  for (std::size_t n = 0; n < 4; ++n) {
    dft4(z[n], z[n + 4], z[n + 8], z[n + 12]);
    for (std::size_t k = 1; k < 4; ++k) z[4 * k + n] = twist(z[4 * k + n], sixteenths[4 * k + n]);
  }
  MELSTREAM_UNROLL(4)
  for (std::size_t k = 0; k < 4; ++k) {
    dft4(z[4 * k], z[4 * k + 1], z[4 * k + 2], z[4 * k + 3]);
    for (std::size_t s = 0; s < 4; ++s) {
      const std::size_t bin = 8 + 32 * (k + 4 * s);
      store(squared_magnitude(z[4 * k + s]), power + (bin <= 256 ? bin : 512 - bin) * kLanes);
    }
  }
}

/// @param in as FftTables::slots says; overwritten. @param power [257] vectors.
inline void fft512_power(const FftTables& tables, float* in, float* power) {
  fft512_columns(tables, in);
  const Twiddle* const thirty_seconds = tables.row_twiddles.data();
  fft512_even_row(thirty_seconds, in, power);
  fft512_odd_row(tables.odd_twiddles.data(), in + 8 * kLanes, power);
  for (std::size_t k1 = 1; k1 < 8; ++k1) {
    fft512_complex_row(thirty_seconds, in + k1 * kLanes, in + (8 + k1) * kLanes, tables.power_slots.data() + 32 * k1,
                       power);
  }
}
