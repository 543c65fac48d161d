#include "melstream/pipeline/level.hpp"

#include <vector>

#include "gtest/gtest.h"

namespace melstream::pipeline {
namespace {

TEST(LevelOf, MeasuresAcrossTheSeamOfTwoSpans) {
  const std::vector<float> first{0.0F, 0.5F, 0.5F};
  const std::vector<float> second{-1.0F, 0.0F};
  const Level level = level_of({std::span<const float>(first), std::span<const float>(second)}, 1, 3);
  EXPECT_FLOAT_EQ(level.mean_square, (0.25F + 0.25F + 1.0F) / 3.0F);
  EXPECT_FLOAT_EQ(level.peak, 1.0F);
}

TEST(LevelOf, ClampsToWhatIsThere) {
  const std::vector<float> samples{0.5F, 0.5F};
  const Level level = level_of({std::span<const float>(samples), std::span<const float>()}, -3, 100);
  EXPECT_FLOAT_EQ(level.mean_square, 0.25F);
}

TEST(LevelOf, NothingIsSilence) { EXPECT_EQ(level_of({}, 0, 10).mean_square, 0.0F); }

TEST(LevelMeter, ForgetsAfter100Ms) {
  LevelMeter meter;
  meter.add(std::vector<float>(1600, 1.0F));
  EXPECT_FLOAT_EQ(meter.level().mean_square, 1.0F);
  meter.add(std::vector<float>(800, 0.0F));
  EXPECT_FLOAT_EQ(meter.level().mean_square, 0.5F);
  EXPECT_FLOAT_EQ(meter.level().peak, 1.0F);
  meter.add(std::vector<float>(800, 0.0F));
  EXPECT_FLOAT_EQ(meter.level().peak, 0.0F);
}

TEST(LevelMeter, DoesNotDependOnChunks) {
  std::vector<float> samples(1600);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<float>(i % 7) / 7.0F;
  LevelMeter whole;
  whole.add(samples);
  LevelMeter pieces;
  for (std::size_t at = 0; at < samples.size(); at += 100) pieces.add(std::span(samples).subspan(at, 100));
  EXPECT_NEAR(whole.level().mean_square, pieces.level().mean_square, 1e-6);
  EXPECT_EQ(whole.level().peak, pieces.level().peak);
}

}  // namespace
}  // namespace melstream::pipeline
