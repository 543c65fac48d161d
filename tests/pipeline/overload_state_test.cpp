// Thresholds, hysteresis and smoothing of the overload states.
#include "melstream/pipeline/overload.hpp"

#include "gtest/gtest.h"

namespace melstream::pipeline {
namespace {

constexpr std::int64_t kS = 1'000'000'000;

TEST(OverloadLadder, GoesUpAtOnceToWhatTheShareReaches) {
  OverloadLadder ladder({0.8, 0.9, 0.97});
  EXPECT_EQ(ladder.update(0.79, 0), OverloadState::kNormal);
  EXPECT_EQ(ladder.update(0.80, 1), OverloadState::kShedHistory);
  EXPECT_EQ(ladder.update(0.90, 2), OverloadState::kRefuse);
  EXPECT_EQ(ladder.update(1.20, 3), OverloadState::kDrop);
}

TEST(OverloadLadder, GoesDownATwentiethLowerAndAfterASecond) {
  OverloadLadder ladder({0.8, 0.9, 0.97});
  ladder.update(0.92, 0);
  EXPECT_EQ(ladder.update(0.86, 10 * kS), OverloadState::kRefuse);  // not a twentieth below
  EXPECT_EQ(ladder.update(0.84, 10 * kS + kS / 2), OverloadState::kRefuse);
  EXPECT_EQ(ladder.update(0.84, 11 * kS - 1), OverloadState::kRefuse);
  EXPECT_EQ(ladder.update(0.84, 11 * kS), OverloadState::kShedHistory);
  EXPECT_EQ(ladder.update(0.10, 11 * kS + 1), OverloadState::kShedHistory);
  EXPECT_EQ(ladder.update(0.10, 12 * kS), OverloadState::kNormal);
}

TEST(OverloadLadder, AMomentAboveStartsTheSecondAnew) {
  OverloadLadder ladder({0.8, 0.9, 0.97});
  ladder.update(0.82, 0);
  ladder.update(0.70, kS / 2);
  ladder.update(0.78, kS - 1);
  EXPECT_EQ(ladder.update(0.70, kS + kS / 2), OverloadState::kShedHistory);
  EXPECT_EQ(ladder.update(0.70, 2 * kS), OverloadState::kNormal);
}

TEST(OverloadControl, OneSlowBatchRefusesNobody) {
  OverloadControl control;
  control.update(0.1, 0.3, false, 10 * kS);
  control.update(0.1, 5.0, false, 10 * kS + kS / 100);
  EXPECT_EQ(control.state(), OverloadState::kNormal);
  EXPECT_LT(control.time_share(), 0.4);
}

TEST(OverloadControl, TimeThatStaysShortDoes) {
  OverloadControl control;
  for (int i = 0; i < 500; ++i) control.update(0.1, 0.85, false, 100 * kS + i * kS / 100);
  EXPECT_EQ(control.by_time(), OverloadState::kRefuse);
  EXPECT_EQ(control.by_memory(), OverloadState::kNormal);
  EXPECT_EQ(control.state(), OverloadState::kRefuse);
}

TEST(OverloadControl, SheddingIsTheThirdStateAsLongAsItLasts) {
  OverloadControl control;
  control.update(0.1, 0.99, true, 100 * kS);
  EXPECT_EQ(control.state(), OverloadState::kDrop);
  control.update(0.1, 0.7, false, 101 * kS);
  EXPECT_LT(control.by_time(), OverloadState::kDrop);
}

TEST(OverloadControl, TheWorseOfTheTwoCounts) {
  OverloadControl control;
  control.update(0.93, 0.0, false, 1);
  EXPECT_EQ(control.by_memory(), OverloadState::kRefuse);
  EXPECT_EQ(control.by_time(), OverloadState::kNormal);
  EXPECT_EQ(control.state(), OverloadState::kRefuse);
}

}  // namespace
}  // namespace melstream::pipeline
