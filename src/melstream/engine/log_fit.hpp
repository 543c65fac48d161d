// The polynomial of the logarithm, the same for every backend: x = m 2^e with m in [2/3, 4/3); ln m = f + f^2 Q(f),
// f = m - 1, Q of degree 8 fitted to (ln(1 + f) - f) / f^2 so that the largest error is least (below 0.1 ulp);
// ln x = e ln 2 + ln m. Within 1 ulp (base 10: 2) with fused multiply-add.
#pragma once

#include <cstdint>

namespace melstream::engine {

/// Bits of 2/3: what is subtracted before the exponent is shifted out.
inline constexpr std::int32_t kTwoThirdsBits = 0x3F2AAAAB;

/// Coefficients of Q, from the constant on.
inline constexpr float kLogFit0 = -0.5F;
inline constexpr float kLogFit1 = 0.333332092F;
inline constexpr float kLogFit2 = -0.249997169F;
inline constexpr float kLogFit3 = 0.20010747F;
inline constexpr float kLogFit4 = -0.166823059F;
inline constexpr float kLogFit5 = 0.140011609F;
inline constexpr float kLogFit6 = -0.121671557F;
inline constexpr float kLogFit7 = 0.14004758F;
inline constexpr float kLogFit8 = -0.129489571F;

// Split so that e times the first part is exact.
inline constexpr float kLn2High = 0.693359375F;
inline constexpr float kLn2Low = -0.000212194442F;
inline constexpr float kLog10Of2High = 0.301025391F;
inline constexpr float kLog10Of2Low = 4.60503907e-06F;
inline constexpr float kLog10OfE = 0.434294492F;

}  // namespace melstream::engine
