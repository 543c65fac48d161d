// Discrete Fourier transforms of a few points, in registers, in natural order, on vectors of frames. The real ones use
// that a real signal's odd bins are a complex transform of a quarter of the length (see real8). Included by
// kernels-inl.hpp.

struct Complex {
  V re;
  V im;
};

MELSTREAM_INLINE Complex operator+(const Complex& a, const Complex& b) { return {a.re + b.re, a.im + b.im}; }
MELSTREAM_INLINE Complex operator-(const Complex& a, const Complex& b) { return {a.re - b.re, a.im - b.im}; }
/// a - i b and a + i b.
MELSTREAM_INLINE Complex minus_i(const Complex& a, const Complex& b) { return {a.re + b.im, a.im - b.re}; }
MELSTREAM_INLINE Complex plus_i(const Complex& a, const Complex& b) { return {a.re - b.im, a.im + b.re}; }
/// z * exp(-i angle).
MELSTREAM_INLINE Complex twist(const Complex& z, const Twiddle& w) {
  const V c = broadcast(w.cosine), s = broadcast(w.sine);
  return {mul_add(z.im, s, z.re * c), neg_mul_add(z.re, s, z.im * c)};
}
/// twist() by an eighth of a turn, without products of two parts.
MELSTREAM_INLINE Complex twist_eighth(const Complex& z) {
  const V h = broadcast(kSqrtHalf);
  return {(z.re + z.im) * h, (z.im - z.re) * h};
}
MELSTREAM_INLINE V squared_magnitude(const Complex& z) { return mul_add(z.re, z.re, z.im * z.im); }

MELSTREAM_INLINE void dft2(Complex& z0, Complex& z1) {
  const Complex sum = z0 + z1;
  z1 = z0 - z1;
  z0 = sum;
}

MELSTREAM_INLINE void dft3(Complex& z0, Complex& z1, Complex& z2) {
  const Complex sum = z1 + z2, difference = z1 - z2;
  const V half = broadcast(0.5F), s = broadcast(kSin60);
  const Complex middle{neg_mul_add(sum.re, half, z0.re), neg_mul_add(sum.im, half, z0.im)};
  const Complex turned{difference.re * s, difference.im * s};
  z0 = z0 + sum;
  z1 = minus_i(middle, turned);
  z2 = plus_i(middle, turned);
}

MELSTREAM_INLINE void dft4(Complex& z0, Complex& z1, Complex& z2, Complex& z3) {
  const Complex sum02 = z0 + z2, difference02 = z0 - z2, sum13 = z1 + z3, difference13 = z1 - z3;
  z0 = sum02 + sum13;
  z1 = minus_i(difference02, difference13);
  z2 = sum02 - sum13;
  z3 = plus_i(difference02, difference13);
}

MELSTREAM_INLINE void dft5(Complex& z0, Complex& z1, Complex& z2, Complex& z3, Complex& z4) {
  const V c1 = broadcast(kCos72), c2 = broadcast(kCos144), s1 = broadcast(kSin72), s2 = broadcast(kSin144);
  const Complex sum14 = z1 + z4, sum23 = z2 + z3, difference14 = z1 - z4, difference23 = z2 - z3;
  const Complex even1{mul_add(sum14.re, c1, mul_add(sum23.re, c2, z0.re)),
                      mul_add(sum14.im, c1, mul_add(sum23.im, c2, z0.im))};
  const Complex even2{mul_add(sum14.re, c2, mul_add(sum23.re, c1, z0.re)),
                      mul_add(sum14.im, c2, mul_add(sum23.im, c1, z0.im))};
  const Complex odd1{mul_add(difference14.re, s1, difference23.re * s2),
                     mul_add(difference14.im, s1, difference23.im * s2)};
  const Complex odd2{mul_sub(difference14.re, s2, difference23.re * s1),
                     mul_sub(difference14.im, s2, difference23.im * s1)};
  z0 = z0 + sum14 + sum23;
  z1 = minus_i(even1, odd1);
  z2 = minus_i(even2, odd2);
  z3 = plus_i(even2, odd2);
  z4 = plus_i(even1, odd1);
}

/// z[0], z[kStep], ... z[7 kStep].
template <int kStep = 1>
MELSTREAM_INLINE void dft8(Complex* z) {
  Complex e0 = z[0], e1 = z[2 * kStep], e2 = z[4 * kStep], e3 = z[6 * kStep];
  Complex o0 = z[kStep], o1 = z[3 * kStep], o2 = z[5 * kStep], o3 = z[7 * kStep];
  dft4(e0, e1, e2, e3);
  dft4(o0, o1, o2, o3);
  o1 = twist_eighth(o1);
  o3 = twist_eighth(o3);
  z[0] = e0 + o0;
  z[4 * kStep] = e0 - o0;
  z[kStep] = e1 + o1;
  z[5 * kStep] = e1 - o1;
  z[2 * kStep] = minus_i(e2, o2);
  z[6 * kStep] = plus_i(e2, o2);
  z[3 * kStep] = minus_i(e3, o3);  // o3 carries exp(-i pi/4); another exp(-i pi/2) makes 3/8 of a turn
  z[7 * kStep] = plus_i(e3, o3);
}

/// Bins 0..4 of eight real values: re[k * kStep] and, for bins 1..3, im[k * kStep]; bin 1 is stored conjugated.
template <int kStep>
MELSTREAM_INLINE void real8(const V x[8], V* re, V* im) {
  const V s0 = x[0] + x[4], s1 = x[1] + x[5], s2 = x[2] + x[6], s3 = x[3] + x[7];
  const V d0 = x[0] - x[4], d1 = x[1] - x[5], d2 = x[2] - x[6], d3 = x[3] - x[7];
  const V s02 = s0 + s2, s13 = s1 + s3;
  re[0] = s02 + s13;
  re[4 * kStep] = s02 - s13;
  re[2 * kStep] = s0 - s2;
  im[2 * kStep] = s3 - s1;
  // Bins 1 and 5 (3 conjugated) are the transform of (d[n] - i d[n + 2]) exp(-2 pi i n / 8), n = 0, 1.
  const V h = broadcast(kSqrtHalf);
  const V turned_re = (d1 - d3) * h, turned_im = (d1 + d3) * h;
  re[kStep] = d0 + turned_re;
  im[kStep] = d2 + turned_im;
  re[3 * kStep] = d0 - turned_re;
  im[3 * kStep] = d2 - turned_im;
}

/// Bins 0..8 of sixteen real values, of which those from kNonZero on are 0: re[0..8], im[1..7]. Bins 1, 2 and 5 are
/// stored conjugated (is_conjugated): it costs nothing to undo where only the power is wanted.
template <int kNonZero>
MELSTREAM_INLINE void real16(const V* x, V* re, V* im) {
  V sums[8], d[8];
  for (int n = 0; n < 8; ++n) {
    const bool has_partner = n + 8 < kNonZero;
    sums[n] = has_partner ? x[n] + x[n + 8] : x[n];
    d[n] = has_partner ? x[n] - x[n + 8] : x[n];
  }
  real8<2>(sums, re, im);
  // Bins 1, 5, 9 (7 conjugated) and 13 (3 conjugated) are the transform of (d[n] - i d[n + 4]) exp(-2 pi i n / 16),
  // n = 0..3. Everything here is its conjugate.
  const V c = broadcast(kCos22), s = broadcast(kSin22), h = broadcast(kSqrtHalf);
  const Complex u1{mul_sub(d[1], c, d[5] * s), mul_add(d[1], s, d[5] * c)};
  const Complex u2{(d[2] - d[6]) * h, (d[2] + d[6]) * h};
  const Complex u3{mul_sub(d[3], s, d[7] * c), mul_add(d[3], c, d[7] * s)};
  const Complex sum02 = Complex{d[0], d[4]} + u2, difference02 = Complex{d[0], d[4]} - u2;
  const Complex sum13 = u1 + u3, difference13 = u1 - u3;
  const Complex bins[4] = {sum02 + sum13, plus_i(difference02, difference13), sum02 - sum13,
                           minus_i(difference02, difference13)};
  constexpr int kBin[4] = {1, 5, 7, 3};
  for (int k = 0; k < 4; ++k) {
    re[kBin[k]] = bins[k].re;
    im[kBin[k]] = bins[k].im;
  }
}
