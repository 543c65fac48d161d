#include "client/half_float.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace melstream::client {
namespace {

/// Straight from IEEE 754's definition.
double by_definition(std::uint16_t half) {
  const int exponent = (half >> 10) & 0x1F;
  const double fraction = half & 0x3FF;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1.0 + fraction / 1024.0, exponent - 15);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

TEST(HalfFloat, EveryFiniteHalfIsExact) {
  for (int bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    if ((half & 0x7C00) == 0x7C00) continue;
    ASSERT_EQ(static_cast<double>(half_to_float(half)), by_definition(half)) << std::hex << bits;
    ASSERT_EQ(std::signbit(half_to_float(half)), (half & 0x8000) != 0) << std::hex << bits;
  }
}

TEST(HalfFloat, KeepsInfinityAndNan) {
  EXPECT_EQ(half_to_float(0x7C00), HUGE_VALF);
  EXPECT_EQ(half_to_float(0xFC00), -HUGE_VALF);
  EXPECT_TRUE(std::isnan(half_to_float(0x7E00)));
}

}  // namespace
}  // namespace melstream::client
