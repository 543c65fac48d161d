// What the pipeline counts for metrics, on a clock that the test turns.
#include <cstddef>
#include <numeric>

#include "tests/pipeline/pipeline_fixture.hpp"

namespace melstream::test {
namespace {

using core::GapReason;
using pipeline::StartAt;

template <typename Counts>
std::int64_t total(const Counts& tally) {
  return std::accumulate(tally.counts.begin(), tally.counts.end(), std::int64_t{0});
}

class CountersTest : public PipelineTest {
 protected:
  static constexpr StartAt kFromFrame0{.kind = StartAt::Kind::kFrame, .frame = 0};
  pipeline::Counters& counters() { return registry_->counters(); }
};

TEST_F(CountersTest, LiveRowsAreTimedFromArrivalToPublication) {
  auto stream = open("s");
  auto subscription = subscribe("s", "whisper-80", {.start = kFromFrame0});
  tick();
  begin(*stream);
  publish(*stream, noise(16000, 1));
  Received received;
  drain(*subscription, received);
  const auto n_rows = static_cast<std::int64_t>(received.frames.size());
  ASSERT_GT(n_rows, 90);
  const auto queue = counters().latency.queue.counts();
  EXPECT_EQ(total(queue), counters().frames_computed);
  // Each row's last sample was written 10 ms before the tick that computed it.
  EXPECT_EQ(queue.counts[4], total(queue)) << "5 ms to 10 ms";
  EXPECT_EQ(queue.sum, total(queue) * 10'000'000);
  EXPECT_EQ(total(counters().latency.engine.counts()), counters().frames_computed);
  for (const pipeline::RowInfo& info : received.infos) {
    EXPECT_TRUE(info.timed);
    EXPECT_EQ(info.computed_us, 10'000U);
  }
}

TEST_F(CountersTest, RowsThatCanWaitAreNotTimed) {
  auto stream = open("s", pipeline::Pacing::kFast);
  auto subscription = subscribe("s", "whisper-80", {.start = kFromFrame0});
  tick();
  begin(*stream);
  publish(*stream, noise(16000, 1), 1600);
  EXPECT_GT(counters().frames_computed, 90);
  EXPECT_EQ(total(counters().latency.queue.counts()), 0);
  EXPECT_EQ(total(counters().latency.engine.counts()), 0);
}

TEST_F(CountersTest, FramesAndBatchesAreCountedByEngine) {
  auto stream = open("s");
  auto subscription = subscribe("s", "whisper-80", {.start = kFromFrame0});
  tick();
  begin(*stream);
  publish(*stream, noise(16000, 1));
  const std::int64_t on_cpu = counters().frames_computed;
  const auto cpu = static_cast<std::size_t>(pipeline::EngineKind::kCpu);
  const auto cuda = static_cast<std::size_t>(pipeline::EngineKind::kCuda);
  EXPECT_EQ(counters().frames_computed_by[cpu], on_cpu);
  EXPECT_EQ(counters().batch_frames.counts().sum, on_cpu);
  counters().engine = pipeline::EngineKind::kCuda;
  publish(*stream, noise(1600, 2));
  EXPECT_EQ(counters().frames_computed_by[cpu], on_cpu);
  EXPECT_EQ(counters().frames_computed_by[cuda], 10);
  EXPECT_EQ(counters().frames_computed, on_cpu + 10);
}

TEST_F(CountersTest, LostSamplesAndGapFramesHaveTheirReason) {
  auto stream = open("s");
  auto subscription = subscribe("s", "whisper-80", {.start = kFromFrame0});
  Received received;
  tick();
  begin(*stream);
  publish(*stream, noise(3200, 1));
  begin(*stream, 3200 + 4800, GapReason::kLate);
  publish(*stream, noise(3200, 2));
  end(*stream);
  drain(*subscription, received);
  received.expect_tiled();
  std::int64_t n_gapped = 0;
  for (const Received::Note& note : received.holes) n_gapped += note.hole.n_frames;
  ASSERT_GT(n_gapped, 20);
  for (std::size_t reason = 0; reason < core::kNGapReasons; ++reason) {
    const bool is_late = reason == static_cast<std::size_t>(GapReason::kLate);
    EXPECT_EQ(counters().gap_samples_by[reason], is_late ? 4800 : 0) << reason;
    EXPECT_EQ(counters().frames_gapped_by[reason], is_late ? n_gapped : 0) << reason;
  }
  EXPECT_EQ(counters().frames_gapped, n_gapped);
}

}  // namespace
}  // namespace melstream::test
