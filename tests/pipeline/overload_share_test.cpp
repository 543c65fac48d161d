// Live audio before what can wait: streams that are held back, and rows caught up with from the audio history.
// And two batches at once.
#include "tests/pipeline/overload_fixture.hpp"

namespace melstream::test {
namespace {

using pipeline::SlowPolicy;
using pipeline::StartAt;

constexpr StartAt kFromFrame0{.kind = StartAt::Kind::kFrame, .frame = 0};

class FastBesideLiveTest : public OverloadTest {
 protected:
  /// Fast streams that always have more to give.
  void open_fast(int n) {
    for (int i = 0; i < n; ++i) {
      fast_.push_back(open("fast" + std::to_string(i), pipeline::Pacing::kFast));
      readers_.push_back(subscribe("fast" + std::to_string(i), "whisper-80",
                                   {.block_frames = 1, .start = kFromFrame0, .slow_policy = SlowPolicy::kBlock}));
      begin(*fast_.back());
    }
    received_.resize(fast_.size());
    const auto speak_live = [this] { speak(); };
    slow_->on_time_passed = [this, speak_live] {
      speak_live();
      fill();
    };
    fill();
  }
  void fill() {
    for (const auto& stream : fast_) {
      const std::size_t room = stream->feed().room();
      if (room > 0) stream->feed().write(std::vector<float>(room, 0.25F), clock_.mono_ns());
    }
  }
  void run_fast_ms(std::int64_t ms) {
    for (const std::int64_t end_ns = clock_.mono_ns() + ms * kMs; clock_.mono_ns() < end_ns;) {
      run_ms(1);
      for (std::size_t i = 0; i < fast_.size(); ++i) drain(*readers_[i], received_[i]);
    }
  }

  std::vector<std::shared_ptr<pipeline::Stream>> fast_;
  std::vector<std::unique_ptr<pipeline::Subscription>> readers_;
  std::vector<Received> received_;
};

TEST_F(FastBesideLiveTest, FastStreamsGetWhatLiveOnesLeave) {
  slow_->ns_per_row = kMs;
  add_sources(6);  // 60 % of the time
  open_fast(3);
  run_fast_ms(20'000);
  EXPECT_EQ(n_shed(), 0);
  std::size_t n_fast = 0;
  for (const Received& received : received_) {
    n_fast += received.frames.size();
    EXPECT_GT(received.frames.size(), 1000U);  // each has its turn
  }
  EXPECT_GT(n_fast, 6000U);  // nearly all of the 8,000 that are left
  for (const auto& source : sources_) {
    EXPECT_TRUE(source->received.holes.empty());
    EXPECT_GE(source->received.frames.size() + 10, source->n_written / 160);  // and none is late
  }
}

TEST_F(FastBesideLiveTest, FastStreamsGetNothingThatWouldMakeLiveOnesLate) {
  slow_->ns_per_row = kMs;
  add_sources(10);  // all of the time: a row for a fast stream now and then would add up
  open_fast(1);
  run_fast_ms(40'000);
  EXPECT_EQ(n_shed(), 0);
  EXPECT_GT(received_[0].frames.size(), 0U);
  for (const auto& source : sources_) EXPECT_TRUE(source->received.holes.empty());
}

TEST_F(FastBesideLiveTest, LiveStreamsAreShedForLiveOnesOnly) {
  slow_->ns_per_row = kMs;
  add_sources(12);
  open_fast(2);
  run_fast_ms(10'000);
  EXPECT_EQ(n_shed(), 4);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_TRUE(source(i).received.holes.empty());
  for (const Received& received : received_) EXPECT_GT(received.frames.size(), 200U);
  finish_all();
  for (std::size_t i = 0; i < 12; ++i) expect_exact(source(i));
}

TEST_F(OverloadTest, CatchingUpFromTheAudioHistoryHoldsUpNoLiveAudio) {
  build_slow({.audio_history_s = 30.0});
  slow_->ns_per_row = kMs;
  add_sources(7);
  run_ms(20'000);
  std::vector<std::unique_ptr<pipeline::Subscription>> late;
  for (int i = 0; i < 2; ++i) {  // 4,000 rows of the past, and 20 % more from now on: too much for the time being
    late.push_back(subscribe(source(static_cast<std::size_t>(i)).id, "kaldi-80",
                             {.start = {.kind = StartAt::Kind::kSecondsBack, .seconds_back = 15.0}}));
  }
  source(6).speaks = false;  // 80 % and the past
  run_ms(10'000);            // speak() fails if a ring overflows
  EXPECT_EQ(n_shed(), 0);
  source(5).speaks = false;
  source(4).speaks = false;
  run_ms(20'000);
  for (int i = 0; i < 2; ++i) {
    Received received;
    LiveSource& from = source(static_cast<std::size_t>(i));
    drain(*late[static_cast<std::size_t>(i)], received);
    EXPECT_TRUE(received.holes.empty());
    ASSERT_FALSE(received.frames.empty());
    EXPECT_GE(received.frames.back() + 10, static_cast<std::int64_t>(from.n_written) / 160);
  }
  finish_all();
  for (const auto& source : sources_) {
    expect_exact(*source);
    EXPECT_TRUE(source->received.holes.empty());
  }
}

TEST_F(OverloadTest, CatchingUpTakesOnlyWhatLiveAudioLeaves) {
  build_slow({.audio_history_s = 30.0});
  slow_->ns_per_row = kMs;
  add_sources(7);
  run_ms(20'000);
  std::vector<std::unique_ptr<pipeline::Subscription>> late;
  for (const char* front_end : {"kaldi-80", "mfcc-13", "nemo-80"}) {  // more rows than could be computed by the end
    for (const auto& source : sources_) {
      late.push_back(
          subscribe(source->id, front_end, {.start = {.kind = StartAt::Kind::kSecondsBack, .seconds_back = 25.0}}));
    }
  }
  run_ms(100);
  Received received;
  drain(*late.front(), received);  // starts where the audio history does
  run_ms(10'000);
  EXPECT_EQ(n_shed(), 0);
  for (const auto& source : sources_) {
    EXPECT_TRUE(source->received.holes.empty());
    EXPECT_GE(source->received.frames.size() + 20, source->n_written / 160);
  }
  drain(*late.front(), received);
  EXPECT_GT(received.frames.size(), 50U);
}

TEST_F(OverloadTest, TheNextBatchIsFilledWhileTheEngineComputesTheLast) {
  build_slow({});
  add_sources(40);  // a batch holds sixteen lanes
  run_ms(1000);
  EXPECT_EQ(slow_->most_under_way, 2U);
  finish_all();
  for (const auto& source : sources_) {
    expect_exact(*source);
    EXPECT_TRUE(source->received.holes.empty());
  }
}

}  // namespace
}  // namespace melstream::test
