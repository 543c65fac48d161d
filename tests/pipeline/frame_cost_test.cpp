#include "melstream/pipeline/frame_cost.hpp"

#include "gtest/gtest.h"

namespace melstream::pipeline {
namespace {

constexpr std::int64_t kMs = 1'000'000;

TEST(FrameCost, IsNotKnownBeforeTheFirstPass) {
  FrameCost cost;
  EXPECT_EQ(cost.ns_per_frame(), 0.0);
  cost.add(10, 1000, 0);
  EXPECT_EQ(cost.ns_per_frame(), 100.0);
  EXPECT_FALSE(cost.is_settled());
}

TEST(FrameCost, IsTheMeanOfPassesByTheirWork) {
  FrameCost cost;
  cost.add(100, 100 * 10, 0);
  cost.add(300, 300 * 20, 0);
  cost.add(1, 1000, 0);  // the worst, left out
  EXPECT_TRUE(cost.is_settled());
  EXPECT_DOUBLE_EQ(cost.ns_per_frame(), 7000.0 / 400.0);
}

TEST(FrameCost, OneStallSaysNothing) {
  FrameCost cost;
  for (int i = 0; i < 10; ++i) cost.add(1000, kMs, 0);
  cost.add(1000, 900 * kMs, 0);
  EXPECT_DOUBLE_EQ(cost.ns_per_frame(), 1000.0);
}

TEST(FrameCost, ASlowerMachineIsSeenAfterAFewPassesOfABacklog) {
  FrameCost cost;
  for (int i = 0; i < 100; ++i) cost.add(10'000, kMs, 0);
  cost.add(1000, 250 * kMs, 0);  // the engine was lost
  for (int i = 0; i < 2; ++i) cost.add(10'000, 50 * kMs, 0);
  EXPECT_DOUBLE_EQ(cost.ns_per_frame(), 5000.0);
}

TEST(FrameCost, WhatAPassCostsBesidesCountsByTheLengthOfPasses) {
  FrameCost cost;
  for (int i = 0; i < 5; ++i) cost.add(100, kMs, 2 * kMs);
  cost.add(100, kMs, 900 * kMs);  // a stall elsewhere
  EXPECT_DOUBLE_EQ(cost.ns_per_frame(), 10'000.0);
  EXPECT_DOUBLE_EQ(cost.ns_per_frame(50 * kMs), 10'400.0);
}

TEST(FrameCost, APassWithoutAnyTimeCostsNothing) {
  FrameCost cost;
  for (int i = 0; i < 4; ++i) cost.add(1000, 0, 0);
  EXPECT_EQ(cost.ns_per_frame(), 0.0);
}

}  // namespace
}  // namespace melstream::pipeline
