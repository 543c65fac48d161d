// Which loop is named as stalled, and when; the clock is the test's.
#include "daemon/liveness.hpp"

#include <gtest/gtest.h>

namespace melstream::daemon {
namespace {

constexpr std::int64_t kMs = 1'000'000;

class TurnedClock final : public core::Clock {
 public:
  std::int64_t mono_ns() const noexcept override { return now_ns; }
  std::int64_t wall_ns() const noexcept override { return now_ns; }
  std::int64_t now_ns = 5'000 * kMs;
};

class LivenessTest : public testing::Test {
 protected:
  /// Looks every half second for so long; `each` runs before each look.
  template <typename Each>
  std::vector<Liveness::Stall> turn(int n_ms, Each each) {
    std::vector<Liveness::Stall> found;
    for (int i = 0; i < n_ms / 500; ++i) {
      clock_.now_ns += 500 * kMs;
      each();
      found = liveness_.look();
    }
    return found;
  }
  TurnedClock clock_;
  Liveness liveness_{clock_, 3'000 * kMs};
};

TEST_F(LivenessTest, ALoopThatAnswersLives) {
  liveness_.expect(Loop::kNet, true);
  EXPECT_TRUE(turn(60'000, [this] { liveness_.moved(Loop::kNet); }).empty());
  EXPECT_EQ(liveness_.n_stalls(Loop::kNet), 0);
}

TEST_F(LivenessTest, ALoopThatStopsIsNamedWithItsTime) {
  liveness_.expect(Loop::kTick, true);
  liveness_.expect(Loop::kNet, true);
  const auto found = turn(3'500, [this] { liveness_.moved(Loop::kNet); });
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(to_text(found[0]), "ms-tick has not moved for 3.5 s");
}

TEST_F(LivenessTest, AStallIsCountedOnceAndAgainAfterItWasOver) {
  liveness_.expect(Loop::kAccept, true);
  turn(10'000, [] {});
  EXPECT_EQ(liveness_.n_stalls(Loop::kAccept), 1);
  EXPECT_TRUE(turn(1'000, [this] { liveness_.moved(Loop::kAccept); }).empty());
  EXPECT_EQ(turn(4'000, [] {}).size(), 1U);
  EXPECT_EQ(liveness_.n_stalls(Loop::kAccept), 2);
}

TEST_F(LivenessTest, ALoopThatCountsMovesOnlyWhileItsCountDoes) {
  std::int64_t ticks = 0;
  liveness_.expect(Loop::kTick, true);
  EXPECT_TRUE(turn(10'000, [&] { liveness_.count(Loop::kTick, ++ticks); }).empty());
  EXPECT_EQ(turn(4'000, [&] { liveness_.count(Loop::kTick, ticks); }).size(), 1U);
}

TEST_F(LivenessTest, WhatDoesNotRunIsNotAsked) {
  EXPECT_TRUE(turn(10'000, [] {}).empty());
  EXPECT_FALSE(liveness_.should_provoke(Loop::kCapture));
  liveness_.expect(Loop::kCapture, true);
  EXPECT_TRUE(liveness_.look().empty()) << "it has just begun";
  EXPECT_EQ(turn(4'000, [] {}).size(), 1U);
  liveness_.expect(Loop::kCapture, false);
  EXPECT_TRUE(liveness_.look().empty());
}

TEST_F(LivenessTest, ALoopIsAskedAgainOnlyOnceItHasAnswered) {
  liveness_.expect(Loop::kNet, true);
  EXPECT_TRUE(liveness_.should_provoke(Loop::kNet));
  EXPECT_FALSE(liveness_.should_provoke(Loop::kNet));
  liveness_.moved(Loop::kNet);
  EXPECT_TRUE(liveness_.should_provoke(Loop::kNet));
}

TEST_F(LivenessTest, NoLoopIsBlamedForTimeInWhichTheWholeProcessStood) {
  liveness_.expect(Loop::kNet, true);
  liveness_.look();
  clock_.now_ns += 30'000 * kMs;
  EXPECT_TRUE(liveness_.look().empty());
  EXPECT_EQ(turn(4'000, [] {}).size(), 1U) << "but for what comes after";
}

TEST_F(LivenessTest, AMainThreadThatStallsIsNamedAlone) {
  liveness_.expect(Loop::kMain, true);
  liveness_.expect(Loop::kNet, true);
  liveness_.look();
  liveness_.moved(Loop::kNet);
  clock_.now_ns += 3'100 * kMs;
  const auto found = liveness_.stalls();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(to_text(found[0]), "main has not moved for 3.1 s");
}

}  // namespace
}  // namespace melstream::daemon
