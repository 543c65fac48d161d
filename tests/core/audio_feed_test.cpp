// The feed between ingest and tick thread: boundaries at the right samples, arrival times, and bounds.
#include "melstream/core/audio_feed.hpp"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/realtime_scope.hpp"

namespace melstream::core {
namespace {

class AudioFeedTest : public ::testing::Test {
 protected:
  HostArena arena_{{.max_bytes = 1, .lock = false}};
  AudioFeed feed_{arena_.take()};
};

TEST_F(AudioFeedTest, PutsBoundariesAtTheAcceptedIndex) {
  feed_.begin_segment({.timeline_begin = 0, .capture_wall_ns = 77});
  feed_.write(std::vector<float>(100), 1);
  feed_.begin_segment({.timeline_begin = 250, .reason = GapReason::kCaptureOverflow, .lost_source_samples = 150});
  feed_.write(std::vector<float>(50), 2);
  feed_.finish(EndReason::kSourceLost);

  ASSERT_NE(feed_.boundary(), nullptr);
  EXPECT_EQ(feed_.boundary()->kind, Boundary::Kind::kSegmentStart);
  EXPECT_EQ(feed_.boundary()->at, 0);
  EXPECT_EQ(feed_.boundary()->segment.capture_wall_ns, 77);
  feed_.pop_boundary();
  ASSERT_NE(feed_.boundary(), nullptr);
  EXPECT_EQ(feed_.boundary()->at, 100);
  EXPECT_EQ(feed_.boundary()->segment.timeline_begin, 250);
  EXPECT_EQ(feed_.boundary()->segment.reason, GapReason::kCaptureOverflow);
  EXPECT_EQ(feed_.boundary()->segment.lost_source_samples, 150);
  feed_.pop_boundary();
  ASSERT_NE(feed_.boundary(), nullptr);
  EXPECT_EQ(feed_.boundary()->kind, Boundary::Kind::kEnd);
  EXPECT_EQ(feed_.boundary()->at, 150);
  EXPECT_EQ(feed_.boundary()->end_reason, EndReason::kSourceLost);
  feed_.pop_boundary();
  EXPECT_EQ(feed_.boundary(), nullptr);
}

TEST_F(AudioFeedTest, FinishesOnceWithTheFirstReason) {
  feed_.finish(EndReason::kTakenOver);
  feed_.finish(EndReason::kCompleted);
  ASSERT_NE(feed_.boundary(), nullptr);
  EXPECT_EQ(feed_.boundary()->end_reason, EndReason::kTakenOver);
  feed_.pop_boundary();
  EXPECT_EQ(feed_.boundary(), nullptr);
}

TEST_F(AudioFeedTest, KeepsAPlaceForTheEndWhenBoundariesPileUp) {
  int segments = 0;
  while (feed_.room() > 0) {
    feed_.begin_segment({.timeline_begin = segments++});
    ASSERT_LT(segments, 1000);
  }
  EXPECT_EQ(feed_.ring().written(), 0);  // there was room for samples: the boundaries alone were full
  feed_.finish(EndReason::kShutdown);
  for (int i = 0; i < segments; ++i) {
    ASSERT_EQ(feed_.boundary()->segment.timeline_begin, i);
    feed_.pop_boundary();
  }
  ASSERT_NE(feed_.boundary(), nullptr);
  EXPECT_EQ(feed_.boundary()->kind, Boundary::Kind::kEnd);
}

TEST_F(AudioFeedTest, AFullRingStillTakesAGapAndTheEnd) {
  feed_.begin_segment({});
  feed_.write(std::vector<float>(feed_.room()), 1);
  EXPECT_EQ(feed_.room(), 0u);
  ASSERT_TRUE(feed_.can_begin_segment());
  feed_.begin_segment({.timeline_begin = 20'000, .lost_source_samples = 3616});
  feed_.finish(EndReason::kCompleted);
  feed_.pop_boundary();
  EXPECT_EQ(feed_.boundary()->segment.lost_source_samples, 3616);
  feed_.pop_boundary();
  EXPECT_EQ(feed_.boundary()->kind, Boundary::Kind::kEnd);
}

TEST_F(AudioFeedTest, TellsWhenASampleArrived) {
  feed_.begin_segment({});
  feed_.write(std::vector<float>(100), 1000);
  feed_.write(std::vector<float>(100), 2000);
  feed_.write(std::vector<float>(100), 3000);
  EXPECT_EQ(feed_.received_mono_ns(0), 1000);
  EXPECT_EQ(feed_.received_mono_ns(99), 1000);
  EXPECT_EQ(feed_.received_mono_ns(100), 2000);
  EXPECT_EQ(feed_.received_mono_ns(50), 1000);   // a reader further behind
  EXPECT_EQ(feed_.received_mono_ns(500), 3000);  // newer than what is known: the newest known
}

TEST_F(AudioFeedTest, RemembersArrivalsForReadersFurtherBehind) {
  feed_.begin_segment({});
  for (int i = 0; i < 1000; ++i) feed_.write(std::vector<float>(10), i);
  // A reader that asks often does not move the memory ahead of what it asks for.
  for (int i = 0; i < 500; ++i) ASSERT_EQ(feed_.received_mono_ns(3000), 300);
  EXPECT_EQ(feed_.received_mono_ns(2800), 280);
  EXPECT_EQ(feed_.received_mono_ns(3009), 300);
  EXPECT_EQ(feed_.received_mono_ns(5555), 555);
  EXPECT_EQ(feed_.received_mono_ns(3500), 350);
}

TEST_F(AudioFeedTest, GivesItsMemoryBackWiped) {
  feed_.begin_segment({});
  feed_.write(std::vector<float>(1000, 0.5F), 1);
  const float* samples = feed_.ring().view(0, 1)[0].data();
  feed_.finish(EndReason::kCompleted);
  const auto used = arena_.usage().used_bytes;
  feed_.give_back();
  EXPECT_LT(arena_.usage().used_bytes, used);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(samples[i], 0.0F);
}

TEST_F(AudioFeedTest, ArrivalTimesAreNeverTooEarlyWhenTheirQueueIsFull) {
  feed_.begin_segment({});
  constexpr int kWrites = 3000;  // far more than the queue of stamps holds
  for (int i = 0; i < kWrites; ++i) feed_.write(std::vector<float>(2), 10 * (i + 1));
  EXPECT_EQ(feed_.received_mono_ns(2 * 500), 10 * 501);
  feed_.write(std::vector<float>(2), 10 * (kWrites + 1));
  EXPECT_EQ(feed_.received_mono_ns(2 * 1500), 10 * (kWrites + 1));
}

TEST_F(AudioFeedTest, AllocatesNothingInUse) {
  const std::vector<float> samples(160);
  const test::RealtimeScope scope;
  for (int i = 0; i < 2000; ++i) {
    if (feed_.room() == 0) break;
    if (i % 10 == 0) feed_.begin_segment({.timeline_begin = i});
    feed_.write(samples, i);
    while (feed_.boundary() != nullptr) feed_.pop_boundary();
    feed_.received_mono_ns(feed_.ring().written() - 1);
    feed_.release(feed_.ring().written());
  }
  feed_.finish(EndReason::kCompleted);
  const auto allocations = scope.allocations();
  EXPECT_EQ(allocations, 0);
  EXPECT_EQ(feed_.ring().written(), 2000 * 160);
}

TEST_F(AudioFeedTest, BoundariesAreNeverMissedBetweenTwoThreads) {
  constexpr int kSegments = 2000;
  std::jthread producer([this] {
    std::vector<float> samples(37);
    for (int i = 0; i < kSegments; ++i) {
      std::fill(samples.begin(), samples.end(), static_cast<float>(i));
      while (feed_.room() < samples.size()) std::this_thread::yield();
      feed_.begin_segment({.timeline_begin = i});
      feed_.write(samples, i);
    }
    feed_.finish(EndReason::kCompleted);
  });
  SampleIndex at = 0;
  float segment = -1;
  std::int64_t wrong = 0;
  for (bool ended = false; !ended;) {
    const SampleIndex written = feed_.ring().written();
    while (at < written || feed_.boundary() != nullptr) {
      const Boundary* const boundary = feed_.boundary();
      if (boundary != nullptr && boundary->at == at) {
        ended = boundary->kind == Boundary::Kind::kEnd;
        if (!ended) segment = static_cast<float>(boundary->segment.timeline_begin);
        feed_.pop_boundary();
        continue;
      }
      if (at >= written) break;
      wrong += feed_.ring().view(at, 1)[0][0] != segment ? 1 : 0;
      wrong += feed_.received_mono_ns(at) < static_cast<std::int64_t>(segment) ? 1 : 0;
      feed_.release(++at);
    }
    std::this_thread::yield();
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(at, kSegments * 37);
}

}  // namespace
}  // namespace melstream::core
