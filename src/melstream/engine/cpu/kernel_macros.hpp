// Constants and compiler spellings that the kernels of all targets share.
#pragma once

#include <cstdint>

/// Kernels are built from pieces that must melt into one function: a call would spill all vectors.
#define MELSTREAM_INLINE inline __attribute__((always_inline))
#define MELSTREAM_PRAGMA(text) _Pragma(#text)
/// Loops over butterflies are unrolled so that indices become constants and points stay in registers.
#define MELSTREAM_UNROLL(n) MELSTREAM_PRAGMA(GCC unroll n)

namespace melstream::engine::cpu {

inline constexpr float kSqrtHalf = 0.707106781F;
inline constexpr float kCos22 = 0.923879533F;  ///< cos(pi / 8)
inline constexpr float kSin22 = 0.382683432F;  ///< sin(pi / 8)
inline constexpr float kSin60 = 0.866025404F;
inline constexpr float kCos72 = 0.309016994F;
inline constexpr float kSin72 = 0.951056516F;
inline constexpr float kCos144 = -0.809016994F;
inline constexpr float kSin144 = 0.587785252F;

}  // namespace melstream::engine::cpu
