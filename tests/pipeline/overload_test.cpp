// The engine cannot carry all streams: the newest are shed with explicit gaps, the rest lose nothing.
// A row takes 1 ms here, so that a live stream takes a tenth of the time.
#include "tests/pipeline/overload_fixture.hpp"
#include "tests/support/realtime_scope.hpp"

namespace melstream::test {
namespace {

using core::GapReason;
using pipeline::SlowPolicy;
using pipeline::StartAt;

TEST_F(OverloadTest, ShedsTheNewestAndTheRestLoseNothing) {
  slow_->ns_per_row = kMs;
  add_sources(12);
  run_ms(10'000);
  EXPECT_EQ(n_shed(), 4);  // the other eight take 80 % of the time
  finish_all();
  std::int64_t n_lost = 0;
  for (std::size_t i = 0; i < 12; ++i) {
    expect_exact(source(i));
    EXPECT_EQ(source(i).received.holes.empty(), i < 8) << "stream " << i << " in order of opening";
    n_lost += frames_lost(source(i));
  }
  EXPECT_GT(frames_lost(source(8)), 800);
  EXPECT_EQ(registry_->counters().frames_shed.load(), n_lost);
}

TEST_F(OverloadTest, ShedsNothingAtALoadThatCanJustBeCarried) {
  slow_->ns_per_row = kMs;
  add_sources(10);
  run_ms(20'000);
  EXPECT_EQ(n_shed(), 0);
  finish_all();
  for (std::size_t i = 0; i < 10; ++i) {
    expect_exact(source(i));
    EXPECT_TRUE(source(i).received.holes.empty());
  }
  EXPECT_EQ(registry_->counters().frames_shed.load(), 0);
}

TEST_F(OverloadTest, ShedsNothingAfterASingleStall) {
  slow_->ns_per_row = kMs / 2;
  add_sources(12);  // 60 % of the time
  run_ms(3000);
  slow_->stall_ns = 700 * kMs;
  run_ms(5000);
  finish_all();
  EXPECT_EQ(changes_, 0);
  for (std::size_t i = 0; i < 12; ++i) EXPECT_TRUE(source(i).received.holes.empty());
}

TEST_F(OverloadTest, NeverFlapsUnderASteadyLoad) {
  slow_->ns_per_row = kMs;
  add_sources(14);
  run_ms(5000);
  EXPECT_EQ(n_shed(), 6);
  changes_ = 0;
  run_ms(50'000);
  EXPECT_EQ(changes_, 0);
}

TEST_F(OverloadTest, AMachineThatTurnsSlowShedsBeforeAudioIsLost) {
  slow_->ns_per_row = kMs / 50;
  add_sources(20);  // 4 %
  run_ms(3000);
  slow_->stall_ns = 250 * kMs;  // a lost engine, and then another that takes 150 %
  slow_->ns_per_row = 3 * kMs / 4;
  run_ms(10'000);          // speak() fails if a ring overflows
  EXPECT_GE(n_shed(), 9);  // eleven take 82.5 %
  EXPECT_LE(n_shed(), 10);
  finish_all();
  for (std::size_t i = 0; i < 20; ++i) expect_exact(source(i));
  for (std::size_t i = 0; i < 10; ++i) EXPECT_TRUE(source(i).received.holes.empty()) << i;
}

TEST_F(OverloadTest, TenTimesTooManyStreamsAtOnce) {
  slow_->ns_per_row = 5 * kMs;
  add_sources(20);
  run_ms(5000);
  EXPECT_EQ(n_shed(), 19);
  finish_all();
  for (std::size_t i = 0; i < 20; ++i) expect_exact(source(i));
  EXPECT_TRUE(source(0).received.holes.empty());
}

TEST_F(OverloadTest, FiftyTimesTooManyStreamsAtOnce) {
  build_slow({}, {.max_lanes = 256, .max_rows = 4096});
  slow_->ns_per_row = 5 * kMs;
  for (int i = 0; i < 100; ++i) add_source("s" + std::to_string(i), 5);
  run_ms(3000);  // a row of each takes half a second: even a single pass over all would come too late
  EXPECT_EQ(n_shed(), 99);
  finish_all();
  for (const auto& source : sources_) expect_exact(*source);
  EXPECT_TRUE(source(0).received.holes.empty());
}

TEST_F(OverloadTest, TheyComeBackOldestFirstWhenTheLoadFalls) {
  slow_->ns_per_row = kMs;
  add_sources(12);
  run_ms(5000);
  ASSERT_EQ(n_shed(), 4);
  finish(source(0));
  finish(source(1));  // 60 %: one more makes 70 %
  run_ms(4000);
  EXPECT_EQ(n_shed(), 3);
  const auto lost = frames_lost(source(8));
  finish(source(2));
  finish(source(3));
  finish(source(4));
  run_ms(10'000);
  EXPECT_EQ(n_shed(), 0);
  EXPECT_EQ(frames_lost(source(8)), lost);  // it came back first and stayed
  changes_ = 0;
  const auto lost_by_last = frames_lost(source(11));
  run_ms(5000);
  EXPECT_EQ(frames_lost(source(11)), lost_by_last);
  EXPECT_EQ(changes_, 0);
  finish_all();
  for (std::size_t i = 0; i < 12; ++i) expect_exact(source(i));
}

TEST_F(OverloadTest, MeanwhileNewStreamsAndFrontEndsAreRefusedReadersAreNot) {
  slow_->ns_per_row = kMs;
  add_sources(12);
  run_ms(5000);
  ASSERT_EQ(n_shed(), 4);
  EXPECT_EQ(registry_->overload().look().by_time, pipeline::OverloadState::kDrop);
  try {
    open("a-late-one");
    FAIL() << "it was opened";
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), core::ErrorCode::kResourceExhausted);
    EXPECT_NE(std::string(error.what()).find("overload state 3: live streams take"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("engine.threads"), std::string::npos) << error.what();
  }
  EXPECT_THROW(subscribe(source(0).id, "kaldi-80"), core::Error);
  EXPECT_NO_THROW(subscribe(source(0).id, "whisper-80"));
  EXPECT_EQ(registry_->counters().streams_refused.load(), 1);
  EXPECT_EQ(registry_->counters().front_ends_refused.load(), 1);
}

TEST_F(OverloadTest, AShedStreamThatEndsTellsTheGapThenTheEnd) {
  slow_->ns_per_row = kMs;
  add_sources(12);
  run_ms(5000);
  LiveSource& ends = source(11);
  finish(ends);
  run_ms(100);
  ASSERT_TRUE(ends.received.ended.has_value());
  expect_exact(ends);
  EXPECT_EQ(n_shed(), 3);
}

TEST_F(OverloadTest, AReaderHearsOfALongHoleEverySecond) {
  slow_->ns_per_row = kMs;
  add_sources(12);
  run_ms(10'000);
  const LiveSource& shed = source(11);
  ASSERT_GE(shed.holes_at_ns.size(), 8U);
  EXPECT_LE(shed.holes_at_ns.size(), 12U);
  for (std::size_t i = 1; i < shed.holes_at_ns.size(); ++i) {
    EXPECT_LE(shed.holes_at_ns[i] - shed.holes_at_ns[i - 1], 1100 * kMs);
  }
  EXPECT_LE(clock_.mono_ns() - shed.holes_at_ns.back(), 1100 * kMs);
}

TEST_F(OverloadTest, AReaderThatDidNotLookMeanwhileHearsOfOneHole) {
  slow_->ns_per_row = kMs;
  add_sources(12);
  auto rare = subscribe(source(11).id, "whisper-80", {.start = {.kind = StartAt::Kind::kFrame}});
  run_ms(20'000);
  finish_all();
  Received received;
  drain(*rare, received);
  received.expect_tiled();
  ASSERT_EQ(received.holes.size(), 1U);
  EXPECT_EQ(received.holes[0].hole.reason, GapReason::kEngineOverload);
  EXPECT_EQ(received.holes[0].hole.n_frames, frames_lost(source(11)));
}

TEST_F(OverloadTest, OneWhoSubscribesToAShedStreamStartsLive) {
  slow_->ns_per_row = kMs;
  add_sources(12);
  run_ms(5500);
  auto late = subscribe(source(11).id, "whisper-80");
  Received received;
  drain(*late, received);
  ASSERT_TRUE(received.started.has_value());
  EXPECT_NEAR(static_cast<double>(received.started->first_frame), static_cast<double>(source(11).n_written) / 160, 6.0);
  run_ms(2500);
  drain(*late, received);
  EXPECT_FALSE(received.holes.empty());
}

TEST_F(OverloadTest, NobodyMayHoldBackAShedLiveStream) {
  slow_->ns_per_row = kMs;
  add_sources(12);
  run_ms(5000);
  EXPECT_THROW(subscribe(source(11).id, "whisper-80", {.slow_policy = SlowPolicy::kBlock}), core::Error);
}

TEST_F(OverloadTest, ALostPacketWhileShedIsToldApart) {
  slow_->ns_per_row = kMs;
  add_sources(12);
  run_ms(5000);
  LiveSource& shed = source(11);
  const auto written = static_cast<core::SampleIndex>(shed.n_written);
  begin(*shed.stream, written + 1600, GapReason::kNetLoss);
  run_ms(3000);
  finish_all();
  shed.received.expect_tiled();
  std::int64_t n_lost = 0;
  for (const auto& note : shed.received.holes) {
    if (note.hole.reason == GapReason::kNetLoss) {
      EXPECT_EQ(note.hole.lost_samples, 1600);
      n_lost += note.hole.n_frames;
    } else {
      EXPECT_EQ(note.hole.reason, GapReason::kEngineOverload);
    }
  }
  EXPECT_EQ(n_lost, 10);
}

TEST_F(OverloadTest, AShedStreamKeepsItsAudioAndItsLevel) {
  build_slow({.audio_history_s = 2.0});
  slow_->ns_per_row = kMs;
  add_sources(12);
  run_ms(5000);
  ASSERT_EQ(n_shed(), 4);
  const pipeline::StreamStatus status = source(11).stream->status();
  EXPECT_GT(status.rms, 0.01F);
  EXPECT_GE(status.audio_held.size(), 2 * 16000);
  EXPECT_EQ(status.gap_samples, 0);
}

TEST_F(OverloadTest, SheddingAllocatesNothing) {
  slow_->ns_per_row = kMs;
  add_sources(12);
  run_ms(5000);
  ASSERT_EQ(n_shed(), 4);
  std::int64_t allocations = 0;
  for (const auto& source : sources_) source->reader.reset();
  {
    const RealtimeScope scope;
    run_ms(20'000);
    allocations = scope.allocations();
  }
  EXPECT_EQ(allocations, 0);
  EXPECT_EQ(n_shed(), 4);
}

}  // namespace
}  // namespace melstream::test
