#include "client/normalization.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace melstream::client {
namespace {

TEST(WhisperWindow, ClampsEightDecadesBelowTheLargest) {
  FeatureMatrix matrix{2, {1.0f, -3.0f, -7.5f, -10.0f}};
  whisper_window(matrix);
  EXPECT_EQ(matrix.values, (std::vector<float>{1.25f, 0.25f, -0.75f, -0.75f}));
}

TEST(WhisperWindow, SilenceIsMinusOneAndAHalf) {
  FeatureMatrix matrix{2, {-10.0f, -10.0f}};
  whisper_window(matrix);
  EXPECT_EQ(matrix.values, (std::vector<float>{-1.5f, -1.5f}));
}

TEST(WhisperWindow, NoFramesStayNoFrames) {
  FeatureMatrix matrix{80, {}};
  whisper_window(matrix);
  EXPECT_EQ(matrix.frames(), 0);
}

TEST(PerFeatureWindow, UsesTheUnbiasedDeviationOfEachBin) {
  FeatureMatrix matrix{2, {1.0f, 10.0f, 2.0f, 10.0f, 6.0f, 40.0f}};
  per_feature_window(matrix);
  // Bin 0: mean 3, squares 4 + 1 + 9 over 2. Bin 1: mean 20, squares 100 + 100 + 400 over 2.
  const double deviation_0 = std::sqrt(7.0) + 1e-5;
  const double deviation_1 = std::sqrt(300.0) + 1e-5;
  EXPECT_FLOAT_EQ(matrix.values[0], static_cast<float>(-2 / deviation_0));
  EXPECT_FLOAT_EQ(matrix.values[4], static_cast<float>(3 / deviation_0));
  EXPECT_FLOAT_EQ(matrix.values[1], static_cast<float>(-10 / deviation_1));
  EXPECT_FLOAT_EQ(matrix.values[5], static_cast<float>(20 / deviation_1));
}

TEST(PerFeatureWindow, OneFrameGivesZeros) {
  FeatureMatrix matrix{3, {5.0f, -7.0f, 0.25f}};
  per_feature_window(matrix);
  EXPECT_EQ(matrix.values, (std::vector<float>{0, 0, 0}));
}

}  // namespace
}  // namespace melstream::client
