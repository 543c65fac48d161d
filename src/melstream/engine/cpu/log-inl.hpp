// Logarithms of positive normal floats, the same instructions in every lane (formula: log_fit.hpp). Included by
// kernels-inl.hpp.

inline constexpr float kLogFit[9] = {kLogFit0, kLogFit1, kLogFit2, kLogFit3, kLogFit4,
                                     kLogFit5, kLogFit6, kLogFit7, kLogFit8};

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
