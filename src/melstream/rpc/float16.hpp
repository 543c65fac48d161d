// float32 to IEEE 754 binary16 in integer arithmetic, the same on every machine.
#pragma once

#include <bit>
#include <cstdint>

namespace melstream::rpc {

/// Rounded to nearest even; beyond the range (infinity too): the largest finite value; NaN stays a NaN.
constexpr std::uint16_t to_float16(float value) noexcept {
  constexpr std::uint32_t kLargest = 0x7BFF;             // 65504
  constexpr std::uint32_t kFirstTooLarge = 0x477FF000;   // 65520 as float32: rounds to infinity
  constexpr std::uint32_t kSmallestNormal = 0x38800000;  // 2^-14
  constexpr std::uint32_t kHalfSmallest = 0x33000000;    // 2^-25: half of the smallest subnormal
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return static_cast<std::uint16_t>(sign | 0x7E00U);
  if (magnitude >= kFirstTooLarge) return static_cast<std::uint16_t>(sign | kLargest);
  if (magnitude <= kHalfSmallest) return static_cast<std::uint16_t>(sign);
  if (magnitude >= kSmallestNormal) {
    // Exponent bias 127 to 15, 23 to 10 fraction bits; a carry of the rounding moves into the exponent as it should.
    const std::uint32_t rebiased = magnitude - (112U << 23);
    const std::uint32_t rounded = rebiased + 0xFFFU + (rebiased >> 13 & 1U);
    return static_cast<std::uint16_t>(sign | rounded >> 13);
  }
  const std::uint32_t shift = 126U - (magnitude >> 23);  // 14..24
  const std::uint32_t fraction = (magnitude & 0x7FFFFFU) | 0x800000U;
  const std::uint32_t half = 1U << (shift - 1);
  const std::uint32_t rounded = fraction + half - 1U + (fraction >> shift & 1U);
  return static_cast<std::uint16_t>(sign | rounded >> shift);
}

}  // namespace melstream::rpc
