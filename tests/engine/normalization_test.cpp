// Normalizations of finished rows: small cases by hand. Whole clips are in the golden tests.
#include "melstream/engine/normalization.hpp"

#include <cmath>
#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

namespace melstream::engine {
namespace {

TEST(Normalization, WhisperFrameClampsEightBelowTheMaximum) {
  std::vector<float> values = {1.0F, -7.0F, -8.0F, -10.0F, 0.5F};
  whisper_frame(values, 1.0F);
  EXPECT_EQ(values, (std::vector<float>{1.25F, -0.75F, -0.75F, -0.75F, 1.125F}));
}

TEST(Normalization, WhisperFrameLeavesWhatLiesAboveAFixedMaximum) {
  std::vector<float> values = {3.0F, -10.0F};
  whisper_frame(values, 0.0F);
  EXPECT_EQ(values, (std::vector<float>{1.75F, -1.0F}));
}

TEST(Normalization, WhisperWindowTakesTheLargestValueOfAllRows) {
  std::vector<float> values = {-10.0F, -3.0F, 2.0F, -6.5F};
  whisper_window(values);
  EXPECT_EQ(values, (std::vector<float>{-0.5F, 0.25F, 1.5F, -0.5F}));
}

TEST(Normalization, WhisperWindowOfSilenceIsMinusOneAndAHalf) {
  std::vector<float> values(160, -10.0F);
  whisper_window(values);
  for (const float v : values) EXPECT_EQ(v, -1.5F);
}

TEST(Normalization, PerFeatureDividesByTheUnbiasedDeviation) {
  // Bin 0: 1, 3, mean 2, std sqrt(2). Bin 1: constant.
  std::vector<float> values = {1.0F, 5.0F, 3.0F, 5.0F};
  per_feature_window(values, 2);
  const auto expected = static_cast<float>(1.0 / (std::sqrt(2.0) + 1e-5));
  EXPECT_FLOAT_EQ(values[0], -expected);
  EXPECT_FLOAT_EQ(values[2], expected);
  EXPECT_EQ(values[1], 0.0F);
  EXPECT_EQ(values[3], 0.0F);
}

TEST(Normalization, PerFeatureKeepsItsPrecisionFarFromZero) {
  // 1e6 +- 1: sums of squares in float would lose the deviation.
  std::vector<float> values(1000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 1e6F + (i % 2 == 0 ? 1.0F : -1.0F);
  per_feature_window(values, 1);
  const auto expected = static_cast<float>(1.0 / (std::sqrt(1000.0 / 999.0) + 1e-5));
  EXPECT_NEAR(values[0], expected, 1e-6F);
  EXPECT_NEAR(values[1], -expected, 1e-6F);
}

TEST(Normalization, PerFeatureOfOneRowIsZero) {
  std::vector<float> values = {4.0F, -2.0F};
  per_feature_window(values, 2);
  EXPECT_EQ(values, (std::vector<float>{0.0F, 0.0F}));
}

TEST(Normalization, NothingIsNormalisedToNothing) {
  std::vector<float> none;
  whisper_window(none);
  per_feature_window(none, 80);
  EXPECT_TRUE(none.empty());
}

}  // namespace
}  // namespace melstream::engine
