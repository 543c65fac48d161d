// RFC 3550 appendix A.1 and A.8, at their edges.
#include "melstream/audio/rtp/sequence_tracker.hpp"

#include <gtest/gtest.h>

#include "melstream/audio/rtp/delay_target.hpp"

namespace melstream::audio {
namespace {

using Place = SequenceTracker::Place;

TEST(SequenceTracker, GoesOnPastTheEndOf16Bits) {
  SequenceTracker tracker;
  const std::int64_t first = tracker.start(65534);
  EXPECT_EQ(tracker.place(65535).sequence, first + 1);
  EXPECT_EQ(tracker.place(0).sequence, first + 2);
  EXPECT_EQ(tracker.place(2).sequence, first + 4);
  const SequenceTracker::Placed behind = tracker.place(65535);
  EXPECT_EQ(behind.place, Place::kBehind);
  EXPECT_EQ(behind.sequence, first + 1);
  EXPECT_EQ(tracker.place(2).place, Place::kBehind);
  EXPECT_EQ(tracker.place(2).sequence, first + 4);
  EXPECT_EQ(tracker.newest(), first + 4);
}

TEST(SequenceTracker, HasTheLimitsOfTheRfc) {
  SequenceTracker tracker;
  tracker.start(10000);
  EXPECT_EQ(tracker.place(10000 - 99).place, Place::kBehind);
  EXPECT_EQ(tracker.place(10000 - 100).place, Place::kJump);
  EXPECT_EQ(tracker.place(10000 + 3000).place, Place::kJump);
  EXPECT_EQ(tracker.place(10000 + 2999).place, Place::kAhead);
}

TEST(SequenceTracker, BelievesAJumpAfterTheSecondInSequence) {
  SequenceTracker tracker;
  tracker.start(100);
  EXPECT_EQ(tracker.place(40000).place, Place::kJump);
  EXPECT_EQ(tracker.place(101).place, Place::kAhead);  // the sender is still there
  EXPECT_EQ(tracker.place(40001).place, Place::kJump);
  EXPECT_EQ(tracker.place(40003).place, Place::kJump);
  EXPECT_EQ(tracker.place(40004).place, Place::kRestart);
}

TEST(DelayTarget, StaysWithinItsBound) {
  DelayTarget target(20'000'000, 200'000'000);
  EXPECT_EQ(target.wait_ns(), 20'000'000);
  for (int i = 0; i < 100; ++i) target.observe(5'000'000);
  EXPECT_EQ(target.wait_ns(), 20'000'000);
  target.observe_reordering(500'000'000);
  EXPECT_EQ(target.wait_ns(), 200'000'000);
}

TEST(DelayTarget, FollowsTheJitterUpAndDown) {
  DelayTarget target(1'000'000, 200'000'000);
  for (int i = 0; i < 500; ++i) target.observe(i % 2 == 0 ? 0 : 16'000'000);
  EXPECT_NEAR(static_cast<double>(target.jitter_ns()), 16e6, 1e5);  // the mean difference, as A.8 says
  EXPECT_NEAR(static_cast<double>(target.wait_ns()), 64e6, 1e6);
  for (int i = 0; i < 500; ++i) target.observe(0);
  EXPECT_EQ(target.wait_ns(), 1'000'000);
}

TEST(DelayTarget, RemembersHowLatePacketsCameForAWhile) {
  DelayTarget target(1'000'000, 200'000'000);
  target.observe_reordering(40'000'000);
  EXPECT_EQ(target.wait_ns(), 50'000'000);
  for (int i = 0; i < 710; ++i) target.observe(0);
  EXPECT_NEAR(static_cast<double>(target.wait_ns()), 25e6, 1e6);
}

}  // namespace
}  // namespace melstream::audio
