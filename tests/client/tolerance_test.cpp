#include "client/tolerance.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace melstream::client {
namespace {

constexpr Tolerance kLog10{Tolerance::Kind::kLog, 10, 2, 1e-5, 0, 1e-6, 3e-6, std::nullopt};
constexpr Tolerance kLinear{Tolerance::Kind::kLinear, 10, 0, 0, 2e-5, 1e-6, 3e-6, std::nullopt};
constexpr Tolerance kAbsolute{Tolerance::Kind::kAbsolute, 10, 0, 0.1, 0, 0, 0, std::nullopt};

TEST(Tolerance, LogRuleGrowsBelowThePeakOfItsGroup) {
  const float row[] = {0, -4, -8, -6};
  std::vector<double> allowed;
  allowed_differences(row, kLog10, allowed);
  ASSERT_EQ(allowed.size(), 4u);
  // atol + lam * 10^(neighbour - v) + kappa * 10^((peak - v) / 2), groups of two bins.
  EXPECT_DOUBLE_EQ(allowed[0], 1e-5 + 1e-6 * 1e-4 + 3e-6);
  EXPECT_DOUBLE_EQ(allowed[1], 1e-5 + 1e-6 * 1e4 + 3e-6 * 1e2);
  EXPECT_DOUBLE_EQ(allowed[2], 1e-5 + 1e-6 * 1e2 + 3e-6 * 1e1);
  EXPECT_DOUBLE_EQ(allowed[3], 1e-5 + 1e-6 * 1e-2 + 3e-6);
}

TEST(Tolerance, LinearRuleFollowsTheGoldenReadme) {
  const float row[] = {4, 0.25f};
  std::vector<double> allowed;
  allowed_differences(row, kLinear, allowed);
  EXPECT_DOUBLE_EQ(allowed[0], 2e-5 * 4 + 1e-6 * 0.25 + 3e-6 * 4 + 9e-12 * 4 + 1e-30);
  EXPECT_DOUBLE_EQ(allowed[1], 2e-5 * 0.25 + 1e-6 * 4 + 3e-6 * 1 + 9e-12 * 4 + 1e-30);
}

TEST(CompareMatrices, NamesTheWorstCell) {
  const FeatureMatrix reference{2, {1, 2, 3, 4}};
  const FeatureMatrix actual{2, {1, 2.05f, 3, 3.5f}};
  const Comparison result = compare_matrices(actual, reference, kAbsolute);
  EXPECT_FALSE(result.matches());
  EXPECT_EQ(result.bad_cells, 1);
  EXPECT_EQ(result.worst.frame, 1);
  EXPECT_EQ(result.worst.bin, 1);
  EXPECT_DOUBLE_EQ(result.largest_difference, 0.5);
  EXPECT_DOUBLE_EQ(result.worst_ratio, 5);
}

TEST(CompareMatrices, MatchesWithinTheTolerance) {
  const FeatureMatrix reference{1, {1, 2}};
  EXPECT_TRUE(compare_matrices({1, {1.05f, 1.95f}}, reference, kAbsolute).matches());
  EXPECT_TRUE(compare_matrices({1, {}}, {1, {}}, kAbsolute).matches());
}

TEST(CompareMatrices, FrameCountsMustAgree) {
  const Comparison result = compare_matrices({1, {1}}, {1, {1, 2}}, kAbsolute);
  EXPECT_FALSE(result.matches());
  EXPECT_EQ(result.frames_compared, 1);
  EXPECT_EQ(result.bad_cells, 0);
}

TEST(CompareMatrices, BinsMustAgree) {
  const Comparison result = compare_matrices({2, {1, 2}}, {1, {1}}, kAbsolute);
  EXPECT_FALSE(result.shapes_fit);
  EXPECT_FALSE(result.matches());
}

TEST(CompareMatrices, NothingExcusesNan) {
  Tolerance wide = kAbsolute;
  wide.atol = 1e300;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Comparison result = compare_matrices({1, {nan}}, {1, {1}}, wide);
  EXPECT_FALSE(result.matches());
  EXPECT_EQ(result.nonfinite_cells, 1);
}

TEST(CompareMatrices, TheMeanHasABoundOfItsOwn) {
  Tolerance tolerance = kAbsolute;
  tolerance.mean_atol = 0.01;
  EXPECT_FALSE(compare_matrices({1, {1.05f, 2.05f}}, {1, {1, 2}}, tolerance).matches());
  tolerance.mean_atol = 0.06;
  EXPECT_TRUE(compare_matrices({1, {1.05f, 2.05f}}, {1, {1, 2}}, tolerance).matches());
}

}  // namespace
}  // namespace melstream::client
