// When chunks are due.
#include "client/load/schedule.hpp"

#include <gtest/gtest.h>

#include "client/load/load_plan.hpp"

namespace melstream::client {
namespace {

constexpr std::int64_t kMs = 1'000'000;

TEST(Schedule, SpreadsStreamsOverTheChunkPeriod) {
  const Schedule schedule(4, 0, 4, 1, 20 * kMs, 0);
  // Each chunk is due when its last sample has sounded; streams 5 ms apart.
  for (int at = 0; at < 12; ++at) {
    const Schedule::Due due = schedule.due(at);
    EXPECT_EQ(due.stream, at % 4);
    EXPECT_EQ(due.chunk, at / 4);
    EXPECT_EQ(due.due_ns, (20 + 5 * at) * kMs);
    EXPECT_EQ(schedule.begin_ns(due.stream) + (due.chunk + 1) * 20 * kMs, due.due_ns);
  }
}

TEST(Schedule, DoesNotDrift) {
  const Schedule schedule(3, 0, 3, 1, 20 * kMs, 0);
  // After a day each chunk is where a day of chunks puts it, to the nanosecond.
  constexpr std::int64_t kChunksADay = std::int64_t{24} * 3600 * 50;
  EXPECT_EQ(schedule.due(3 * kChunksADay).due_ns - schedule.due(0).due_ns, std::int64_t{24} * 3600 * 1000 * kMs);
}

TEST(Schedule, StreamsBeginOneAfterTheOtherInTheRamp) {
  const Schedule schedule(10, 0, 10, 1, 20 * kMs, 1000 * kMs);
  std::int64_t before_ns = -1;
  for (int stream = 0; stream < 10; ++stream) {
    EXPECT_GT(schedule.begin_ns(stream), before_ns);
    before_ns = schedule.begin_ns(stream);
  }
  EXPECT_EQ(schedule.begin_ns(0), 0);
  EXPECT_EQ(schedule.begin_ns(5), 500 * kMs + 10 * kMs);
  EXPECT_LT(before_ns, 1000 * kMs);
  // Until it begins, a stream's chunks do not count.
  EXPECT_EQ(schedule.due(5).chunk, -25);
  EXPECT_EQ(schedule.due(25 * 10 + 5).chunk, 0);
}

TEST(Schedule, TimeNeverGoesBackwards) {
  for (const int group : {1, 3, 250}) {
    const Schedule schedule(100, 40, 37, group, 20 * kMs, 300 * kMs);
    std::int64_t before_ns = 0;
    for (int at = 0; at < 37 * 30; ++at) {
      const Schedule::Due due = schedule.due(at);
      EXPECT_GE(due.due_ns, before_ns);
      before_ns = due.due_ns;
      EXPECT_GE(due.stream, 40);
      EXPECT_LT(due.stream, 77);
    }
  }
}

TEST(Schedule, GroupsAreDueTogether) {
  const Schedule schedule(8, 0, 8, 4, 20 * kMs, 0);
  for (int stream = 0; stream < 4; ++stream) {
    EXPECT_EQ(schedule.due(stream).due_ns, schedule.due(3).due_ns);
    EXPECT_EQ(schedule.due(4 + stream).due_ns, schedule.due(7).due_ns);
  }
  EXPECT_LT(schedule.due(3).due_ns, schedule.due(4).due_ns);
}

TEST(LoadPlan, DividesAllStreamsAmongThreads) {
  LoadPlan plan;
  plan.n_streams = 10;
  plan.n_threads = 3;
  EXPECT_EQ(plan.first_of(0), 0);
  EXPECT_EQ(plan.first_of(3), 10);
  for (int thread = 0; thread < 3; ++thread) EXPECT_GE(plan.first_of(thread + 1) - plan.first_of(thread), 3);
}

TEST(LoadPlan, AMessageOfABatchKeepsToTheLimits) {
  LoadPlan plan;
  plan.batch = true;
  plan.format = {.encoding = Encoding::kF32, .rate_hz = 192'000};
  plan.chunk_ms = 300;
  EXPECT_EQ(plan.group_size(), 2);  // 230,400 bytes a chunk
  plan.chunk_ms = 330;
  EXPECT_EQ(plan.group_size(), 1);
  plan.format = {.encoding = Encoding::kMulaw, .rate_hz = 8000};
  plan.chunk_ms = 20;
  EXPECT_EQ(plan.group_size(), 250);
  plan.batch = false;
  EXPECT_EQ(plan.group_size(), 1);
}

}  // namespace
}  // namespace melstream::client
