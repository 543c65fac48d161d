// The kernels' logarithm: every exponent of a float, mantissas at random and where it is cut.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/engine/cuda/kernels-inl.hpp"

namespace melstream::engine::cuda {
namespace {

constexpr std::uint32_t kMantissas = 1U << 23;

/// Both ends of the mantissa, the neighbours of 4/3 (beyond it the exponent is counted up), and others at random.
std::vector<std::uint32_t> mantissas() {
  std::vector<std::uint32_t> all = {0, 1, 2, kMantissas - 2, kMantissas - 1, kMantissas / 2};
  const std::uint32_t cut = (kTwoThirdsBits & static_cast<std::int32_t>(kMantissas - 1));
  for (std::uint32_t m = cut - 3; m <= cut + 3; ++m) all.push_back(m);
  std::mt19937 random(1);
  std::uniform_int_distribution<std::uint32_t> any(0, kMantissas - 1);
  for (int i = 0; i < 1000; ++i) all.push_back(any(random));
  return all;
}

double ulp_of(double value) {
  const auto magnitude = static_cast<float>(std::abs(value));
  return static_cast<double>(std::nextafter(magnitude, INFINITY)) - static_cast<double>(magnitude);
}

/// Largest error over all exponents of normal floats, in units of the last place of the result.
double worst_ulps(LogBase base) {
  const std::vector<std::uint32_t> of_each_exponent = mantissas();
  double worst = 0.0;
  for (std::uint32_t exponent = 1; exponent <= 254; ++exponent) {
    for (const std::uint32_t mantissa : of_each_exponent) {
      const std::uint32_t bits = exponent << 23 | mantissa;
      float x = 0.0F;
      std::memcpy(&x, &bits, sizeof x);
      const double expected = base == LogBase::kTen ? std::log10(double{x}) : std::log(double{x});
      const float actual = logarithm(base, x);
      if (expected == 0.0) {
        EXPECT_EQ(actual, 0.0F);
      } else {
        worst = std::max(worst, std::abs(double{actual} - expected) / ulp_of(expected));
      }
    }
  }
  return worst;
}

TEST(CudaLogarithm, IsWithinTwoUlpsForEveryExponent) {
  EXPECT_LE(worst_ulps(LogBase::kE), 2.0);
  EXPECT_LE(worst_ulps(LogBase::kTen), 2.0);
}

TEST(CudaLogarithm, NeverFalls) {
  // Through 4/3, where the exponent is counted up, and through 1.
  for (const float from : {1.3333F, 0.66666F, 0.9999F}) {
    for (const LogBase base : {LogBase::kE, LogBase::kTen}) {
      float x = from;
      float last = logarithm(base, x);
      for (int i = 0; i < 4000; ++i) {
        x = std::nextafter(x, 2.0F);
        const float next = logarithm(base, x);
        // A step of x is about one step of the result: two roundings may cross.
        EXPECT_GE(next, last - 2e-7F * std::max(1e-4F, std::abs(last))) << x;
        last = next;
      }
    }
  }
}

TEST(CudaLogarithm, FloorsHold) {
  const LogSpec ten{LogBase::kTen, LogFloor::kMax, 1e-10F};
  EXPECT_EQ(floored_logarithm(ten, 0.0F), -10.0F);
  EXPECT_EQ(floored_logarithm(ten, 1e-20F), -10.0F);
  EXPECT_EQ(floored_logarithm(ten, 1.0F), 0.0F);
  EXPECT_FLOAT_EQ(floored_logarithm(ten, 3.0F), std::log10(3.0F));
  const LogSpec added{LogBase::kE, LogFloor::kAdd, 0x1p-24F};
  EXPECT_FLOAT_EQ(floored_logarithm(added, 0.0F), std::log(0x1p-24F));
  EXPECT_FLOAT_EQ(floored_logarithm(added, 0x1p-24F), std::log(0x1p-23F));
  EXPECT_FLOAT_EQ(floored_logarithm(added, 3.0F), std::log(3.0F));
  const LogSpec kaldi{LogBase::kE, LogFloor::kMax, 1.1920929e-07F};
  EXPECT_FLOAT_EQ(floored_logarithm(kaldi, 0.0F), -15.942385F);
  EXPECT_FLOAT_EQ(floored_logarithm(kaldi, 2e-7F), std::log(2e-7F));
}

TEST(CudaLogarithm, OfNoBaseIsTheValue) {
  for (const float v : {0.0F, 1e-30F, 2.5F, 1e30F}) {
    EXPECT_EQ(floored_logarithm({LogBase::kNone, LogFloor::kMax, 0.0F}, v), v);
  }
}

}  // namespace
}  // namespace melstream::engine::cuda
