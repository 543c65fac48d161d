// The decisions alone. A frame costs 1 ms: a stream of 100 frames a second takes a tenth of the time.
#include "melstream/pipeline/load_control.hpp"

#include <vector>

#include "gtest/gtest.h"

namespace melstream::pipeline {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kS = 1'000'000'000;

class LoadControlTest : public testing::Test {
 protected:
  LoadControlTest() { set_cost_us(1000); }

  void set_cost_us(std::int64_t us) {
    for (int i = 0; i < 20; ++i) control_.add_pass(100, 100 * us * 1000, 0);
  }
  void set_streams(int n, double frames_per_s = 100.0) {
    live_.clear();
    for (int i = 0; i < n; ++i)
      live_.push_back({.opened = static_cast<std::uint64_t>(10 * i), .frames_per_s = frames_per_s});
  }
  /// Passes for so long; all streams that are not shed are late by `waiting_ms`.
  void run(std::int64_t ns, std::int64_t waiting_ms = 0) {
    for (const std::int64_t end = now_ + ns; now_ < end; now_ += 10 * kMs) {
      for (StreamLoad& stream : live_) stream.waiting_ns = control_.sheds(stream.opened) ? 0 : waiting_ms * kMs;
      control_.decide(live_, now_);
    }
  }
  int n_shed() const {
    int n = 0;
    for (const StreamLoad& stream : live_) n += control_.sheds(stream.opened) ? 1 : 0;
    return n;
  }

  LoadControl control_{400 * kMs};
  std::vector<StreamLoad> live_;
  std::int64_t now_ = kS;
};

TEST_F(LoadControlTest, ShedsTheNewestUntilTheRestFits) {
  set_streams(20);
  run(10 * kMs, 401);
  EXPECT_EQ(n_shed(), 12);
  EXPECT_FALSE(control_.sheds(live_[7].opened));
  EXPECT_TRUE(control_.sheds(live_[8].opened));
  EXPECT_TRUE(control_.sheds(1'000'000));  // whoever opens now
}

TEST_F(LoadControlTest, ALateStreamAloneIsNoOverload) {
  set_streams(9);
  run(5 * kS, 800);
  EXPECT_EQ(n_shed(), 0);
}

TEST_F(LoadControlTest, AHighLoadAloneIsNoOverload) {
  set_streams(20);
  run(5 * kS, 399);
  EXPECT_EQ(n_shed(), 0);
}

TEST_F(LoadControlTest, TheOldestIsNeverShed) {
  set_streams(3, 5000.0);
  run(10 * kMs, 500);
  EXPECT_EQ(n_shed(), 2);
  live_.resize(1);
  run(10 * kMs, 500);
  EXPECT_EQ(n_shed(), 0);
}

TEST_F(LoadControlTest, TheyComeBackWhenTwoSecondsHadRoom) {
  set_streams(12);
  run(10 * kMs, 500);
  ASSERT_EQ(n_shed(), 4);
  live_.erase(live_.begin(), live_.begin() + 2);
  run(1990 * kMs);
  EXPECT_EQ(n_shed(), 4);
  run(20 * kMs);
  EXPECT_EQ(n_shed(), 3);
  run(60 * kS);
  EXPECT_EQ(n_shed(), 3);  // 70 % of the time
}

TEST_F(LoadControlTest, AFewAtATime) {
  set_streams(30);
  set_cost_us(1000);
  run(10 * kMs, 500);
  ASSERT_EQ(n_shed(), 22);
  set_cost_us(10);  // the machine is quick again
  run(2010 * kMs);
  EXPECT_EQ(n_shed(), 18);  // half of the eight
  run(2010 * kMs);
  EXPECT_EQ(n_shed(), 12);
  run(10 * kS);
  EXPECT_EQ(n_shed(), 0);
}

TEST_F(LoadControlTest, AFixedCostOfEachPassDoesNotKeepThemOut) {
  set_streams(1000);
  set_cost_us(20);  // 200 %
  run(10 * kMs, 500);
  ASSERT_EQ(n_shed(), 600);
  live_.erase(live_.begin() + 1, live_.begin() + 400);
  for (int i = 0; i < 6000; ++i) {  // a minute of passes that cost 100 us, and 20 us a frame
    const auto n_frames = static_cast<std::int64_t>(live_.size()) - n_shed();
    control_.add_pass(n_frames, (100 + 20 * n_frames) * 1000, 0);
    run(10 * kMs);
  }
  EXPECT_GE(static_cast<int>(live_.size()) - n_shed(), 340);  // 70 % of the time are 345
  EXPECT_LE(static_cast<int>(live_.size()) - n_shed(), 350);
}

TEST_F(LoadControlTest, AStreamOfManyFrontEndsIsNotJudgedByAFewDearFrames) {
  set_streams(2, 30'000.0);
  set_cost_us(20);
  run(10 * kMs, 500);
  ASSERT_EQ(n_shed(), 1);
  live_[0].frames_per_s = 100.0;
  set_cost_us(300);  // nearly all of it the fixed cost of a pass; the other's frames come in full batches
  run(3 * kS);
  EXPECT_EQ(n_shed(), 0);
}

TEST_F(LoadControlTest, TwoPassesAreTooFewToJudgeBy) {
  control_ = LoadControl(400 * kMs);
  set_streams(12);
  control_.add_pass(12, 600 * kMs, 0);
  control_.add_pass(12, 12 * kMs, 0);
  run(10 * kMs, 600);
  EXPECT_EQ(n_shed(), 0);
}

TEST_F(LoadControlTest, WhatAPassCostsBesidesIsNoReasonToShedMoreAndMore) {
  set_streams(12, 10.0);
  for (int i = 0; i < 1000; ++i) {  // 25 ms to look at all streams, 10 ms a frame: two thirds of the time to compute
    control_.add_pass(5, 50 * kMs, 25 * kMs);
    run(10 * kMs, 500);
  }
  EXPECT_EQ(n_shed(), 7);  // five streams take 75 %
}

TEST_F(LoadControlTest, EachReturnThatFailsDoublesTheWait) {
  set_streams(2, 700.0);  // one of them fits, both never do, though the estimate says so
  int n_returns = 0;
  bool was_shed = false;
  for (int i = 0; i < 6000; ++i) {  // a minute
    set_cost_us(n_shed() == 0 ? 1000 : 100);
    run(10 * kMs, n_shed() == 0 ? 500 : 0);
    n_returns += was_shed && n_shed() == 0 ? 1 : 0;
    was_shed = n_shed() > 0;
  }
  EXPECT_GE(n_returns, 3);  // after 2, 4, 8, 16, 32 s
  EXPECT_LE(n_returns, 5);
}

}  // namespace
}  // namespace melstream::pipeline
