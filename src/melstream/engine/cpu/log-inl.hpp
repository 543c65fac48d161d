// Logarithms of positive normal floats, the same instructions in every lane. x = m 2^e with m in [2/3, 4/3); ln m =
// f + f^2 Q(f), f = m - 1, Q of degree 8 fitted to (ln(1 + f) - f) / f^2 so that the largest error is least (below
// 0.1 ulp); ln x = e ln 2 + ln m. Within 1 ulp (base 10: 2) with fused multiply-add. Included by kernels-inl.hpp.

inline constexpr float kLogFit[9] = {-0.5F,        0.333332092F,  -0.249997169F, 0.20010747F,  -0.166823059F,
                                     0.140011609F, -0.121671557F, 0.14004758F,   -0.129489571F};
// Split so that e times the first part is exact.
inline constexpr float kLn2High = 0.693359375F;
inline constexpr float kLn2Low = -0.000212194442F;
inline constexpr float kLog10Of2High = 0.301025391F;
inline constexpr float kLog10Of2Low = 4.60503907e-06F;
inline constexpr float kLog10OfE = 0.434294492F;

template <LogBase kBase>
MELSTREAM_INLINE V logarithm(V x) {
  V mantissa, exponent;
  split_exponent(x, &mantissa, &exponent);
  const V f = mantissa - broadcast(1.0F);
  V q = broadcast(kLogFit[8]);
  for (int k = 7; k >= 0; --k) q = mul_add(q, f, broadcast(kLogFit[k]));
  const V ln_mantissa = mul_add(f * f, q, f);
  if constexpr (kBase == LogBase::kTen) {
    const V low = mul_add(ln_mantissa, broadcast(kLog10OfE), exponent * broadcast(kLog10Of2Low));
    return mul_add(exponent, broadcast(kLog10Of2High), low);
  } else {
    const V low = mul_add(exponent, broadcast(kLn2Low), ln_mantissa);
    return mul_add(exponent, broadcast(kLn2High), low);
  }
}
