// From samples to a subscriber: what is streamed equals what is computed offline, and gaps are told.
#include <cstring>
#include <limits>

#include "tests/pipeline/pipeline_fixture.hpp"

namespace melstream::test {
namespace {

using core::EndReason;
using core::GapReason;
using pipeline::StartAt;

constexpr StartAt kFromFrame0{.kind = StartAt::Kind::kFrame, .frame = 0};

class DeliveryTest : public PipelineTest {
 protected:
  /// Streams samples in chunks to a subscriber that reads after every tick.
  Received stream_all(const std::string& id, const std::string& front_end, std::span<const float> samples,
                      std::size_t chunk, engine::Smoothing smoothing = engine::Smoothing::kNone) {
    auto stream = open(id);
    auto subscription = subscribe(id, front_end, {.smoothing = smoothing, .start = kFromFrame0});
    Received received;
    tick();
    drain(*subscription, received);
    begin(*stream);
    while (!samples.empty()) {
      const std::size_t n = std::min(chunk, samples.size());
      publish(*stream, samples.first(n), n);
      samples = samples.subspan(n);
      drain(*subscription, received);
    }
    end(*stream);
    drain(*subscription, received);
    return received;
  }
};

TEST_F(DeliveryTest, StreamedRowsEqualOfflineBitForBit) {
  const auto samples = noise(16037, 1);
  for (const char* front_end : {"whisper-80", "kaldi-80", "wenet-80", "nemo-128", "paraformer-560", "mfcc-13"}) {
    const auto reference = offline(front_end, samples);
    for (const std::size_t chunk : {160, 441, 4096}) {
      const Received received = stream_all("s", front_end, samples, chunk);
      ASSERT_EQ(received.values.size(), reference.size()) << front_end << " " << chunk;
      EXPECT_EQ(std::memcmp(received.values.data(), reference.data(), reference.size() * sizeof(float)), 0)
          << front_end;
      EXPECT_TRUE(received.holes.empty());
      received.expect_tiled();
    }
  }
}

TEST_F(DeliveryTest, StreamedOneSampleAtATimeEqualsOffline) {
  const auto samples = noise(1200, 2);
  for (const char* front_end : {"whisper-80", "kaldi-80", "nemo-80"}) {
    const Received received = stream_all("s", front_end, samples, 1);
    EXPECT_EQ(received.values, offline(front_end, samples)) << front_end;
  }
}

TEST_F(DeliveryTest, SmoothedRowsEqualOfflineBitForBit) {
  const auto samples = noise(5000, 3);
  for (const auto smoothing : {engine::Smoothing::kBox3x3, engine::Smoothing::kBox3x3Valid}) {
    const Received received = stream_all("s", "whisper-80", samples, 441, smoothing);
    EXPECT_EQ(received.values, offline("whisper-80", samples, smoothing));
    received.expect_tiled();
  }
}

TEST_F(DeliveryTest, TooShortAStreamGivesNoFrames) {
  const Received received = stream_all("s", "whisper-80", noise(200, 4), 160);
  EXPECT_TRUE(received.frames.empty());
  ASSERT_TRUE(received.ended.has_value());
  EXPECT_EQ(received.ended->next_frame, 0);
}

TEST_F(DeliveryTest, AStreamWithoutAudioJustEnds) {
  auto stream = open("s");
  auto subscription = subscribe("s", "whisper-80", {.start = kFromFrame0});
  end(*stream, EndReason::kSourceLost);
  Received received;
  drain(*subscription, received);
  received.expect_tiled();
  EXPECT_EQ(received.ended->reason, EndReason::kSourceLost);
}

TEST_F(DeliveryTest, AGapEndsTheSegmentAndTheNextOneEqualsOfflineOfItself) {
  const auto first = noise(4000, 5);
  const auto second = noise(6000, 6);
  auto stream = open("s");
  auto subscription = subscribe("s", "kaldi-80", {.start = kFromFrame0});
  Received received;
  begin(*stream);
  publish(*stream, first);
  begin(*stream, 4000 + 1000, GapReason::kDeviceLost);
  publish(*stream, second);
  end(*stream);
  drain(*subscription, received);
  received.expect_tiled();
  ASSERT_EQ(received.holes.size(), 1U);
  const pipeline::Hole& hole = received.holes[0].hole;
  EXPECT_EQ(hole.first_frame, 25);
  EXPECT_EQ(hole.n_frames, 32 - 25);  // ceil(5000 / 160) = 32
  EXPECT_EQ(hole.reason, GapReason::kDeviceLost);
  EXPECT_EQ(hole.lost_samples, 1000);
  EXPECT_EQ(hole.next_sample, 5000);
  auto expected = offline("kaldi-80", first);
  const auto after = offline("kaldi-80", second);
  expected.insert(expected.end(), after.begin(), after.end());
  EXPECT_EQ(received.values, expected);
}

TEST_F(DeliveryTest, AHoleWithoutAMissingFrameIsADiscontinuity) {
  auto stream = open("s");
  auto subscription = subscribe("s", "whisper-80", {.start = kFromFrame0});
  begin(*stream);
  publish(*stream, noise(1601, 7));  // 10 frames
  begin(*stream, 1602);
  publish(*stream, noise(1600, 8));
  end(*stream);
  Received received;
  drain(*subscription, received);
  received.expect_tiled();
  ASSERT_EQ(received.holes.size(), 1U);
  EXPECT_EQ(received.holes[0].hole.n_frames, 1);  // ceil(1602 / 160) = 11: frame 10 is missing
  auto next = open("t");
  auto reader = subscribe("t", "whisper-80", {.start = kFromFrame0});
  begin(*next);
  publish(*next, noise(1601, 7));
  begin(*next, 1601 + 0);  // a reset of the source that lost nothing
  publish(*next, noise(400, 9));
  end(*next);
  Received again;
  drain(*reader, again);
  again.expect_tiled();
  ASSERT_EQ(again.holes.size(), 1U);
}

TEST_F(DeliveryTest, ALossBeforeASegmentWithoutFramesIsTold) {
  auto stream = open("s");
  auto subscription = subscribe("s", "whisper-80", {.start = kFromFrame0});
  const auto segment = [&](core::SampleIndex timeline_begin, std::size_t n) {
    begin(*stream, timeline_begin);
    publish(*stream, noise(n, 10));
  };
  segment(80, 320);   // frames 1 and 2
  segment(480, 80);   // no frame, and none is missing before it: ceil(480 / 160) = 3
  segment(720, 320);  // frames 5 and 6
  segment(1120, 80);  // the same at the stream's end
  end(*stream);
  Received received;
  drain(*subscription, received);
  received.expect_tiled();
  std::vector<core::SampleIndex> lost;
  for (const auto& note : received.holes) lost.push_back(note.hole.lost_samples);
  EXPECT_EQ(lost, (std::vector<core::SampleIndex>{0, 80, 160, 80}));  // what came before the stream is nobody's
  EXPECT_EQ(received.frames, (std::vector<core::FrameIndex>{1, 2, 5, 6}));
}

TEST_F(DeliveryTest, RandomGapsTileAndEverySegmentEqualsOffline) {
  std::mt19937 random(42);
  const std::vector<std::string> front_ends{"whisper-80", "kaldi-80",       "wenet-80",
                                            "nemo-80",    "paraformer-560", "torchaudio-80"};
  auto stream = open("s");
  std::vector<std::unique_ptr<pipeline::Subscription>> subscriptions;
  subscriptions.reserve(front_ends.size());
  std::vector<Received> received(front_ends.size());
  for (const auto& name : front_ends) subscriptions.push_back(subscribe("s", name, {.start = kFromFrame0}));
  std::vector<std::vector<float>> expected(front_ends.size());
  core::SampleIndex timeline = 0;
  for (int segment = 0; segment < 40; ++segment) {
    if (segment > 0) timeline += random() % 3 == 0 ? 1 : random() % 2000;
    const auto samples = noise(random() % (segment % 3 == 0 ? 300 : 4000), random());
    begin(*stream, timeline);
    publish(*stream, samples, 1 + random() % 700);
    timeline += static_cast<core::SampleIndex>(samples.size());
    for (std::size_t i = 0; i < front_ends.size(); ++i) {
      drain(*subscriptions[i], received[i]);
      const auto rows = offline(front_ends[i], samples);
      expected[i].insert(expected[i].end(), rows.begin(), rows.end());
    }
  }
  end(*stream);
  for (std::size_t i = 0; i < front_ends.size(); ++i) {
    drain(*subscriptions[i], received[i]);
    received[i].expect_tiled();
    EXPECT_EQ(received[i].values, expected[i]) << front_ends[i];
  }
}

TEST_F(DeliveryTest, FiveHundredNeighboursAndMoreThreadsChangeNoBit) {
  const auto samples = noise(4000, 10);
  const auto others_samples = noise(8000, 11);
  const auto reference = offline("whisper-80", samples);
  for (const int n_threads : {1, 3}) {
    build({.max_streams = 501, .history_s = 0.2}, {.max_lanes = 64, .max_rows = 512}, n_threads);
    auto stream = open("mine");
    auto subscription = subscribe("mine", "whisper-80", {.block_frames = 1, .start = kFromFrame0});
    std::vector<std::shared_ptr<pipeline::Stream>> others;
    std::vector<std::unique_ptr<pipeline::Subscription>> readers;
    for (int i = 0; i < 500; ++i) {
      others.push_back(open("other-" + std::to_string(i)));
      readers.push_back(subscribe("other-" + std::to_string(i), i % 2 == 0 ? "whisper-128" : "kaldi-80"));
      begin(*others.back());
    }
    begin(*stream);
    Received received;
    for (std::size_t at = 0; at < samples.size(); at += 320) {
      for (std::size_t i = 0; i < others.size(); ++i) {
        write(*others[i], std::span(others_samples).subspan(7 * i, 100 + i % 400));
      }
      write(*stream, std::span(samples).subspan(at, std::min<std::size_t>(320, samples.size() - at)));
      tick();
      drain(*subscription, received);
    }
    end(*stream);
    drain(*subscription, received);
    EXPECT_EQ(received.values, reference) << n_threads;
  }
}

TEST_F(DeliveryTest, LiveStartsAtTheNextFrame) {
  auto stream = open("s");
  auto early = subscribe("s", "whisper-80");
  begin(*stream);
  publish(*stream, noise(16000, 11));
  auto late = subscribe("s", "whisper-80");
  Received received;
  drain(*late, received);
  ASSERT_TRUE(received.started.has_value());
  EXPECT_EQ(received.started->first_frame, 99);  // 100 hops, the newest frame still lacks its right half
  EXPECT_EQ(received.started->first_sample, 99 * 160);
  EXPECT_TRUE(received.frames.empty());
}

TEST_F(DeliveryTest, SecondsBackStartsInTheHistory) {
  auto stream = open("s");
  auto first = subscribe("s", "kaldi-80", {.start = kFromFrame0});
  begin(*stream);
  publish(*stream, noise(32000, 12));
  auto back = subscribe("s", "kaldi-80", {.start = {.kind = StartAt::Kind::kSecondsBack, .seconds_back = 1.0}});
  auto all = subscribe("s", "kaldi-80", {.start = {.kind = StartAt::Kind::kSecondsBack, .seconds_back = 1000.0}});
  Received received;
  Received everything;
  drain(*back, received);
  drain(*all, everything);
  EXPECT_EQ(received.started->first_frame, 199 - 100);
  EXPECT_EQ(everything.started->first_frame, 0);
}

TEST_F(DeliveryTest, AFrontEndAskedForLateStartsWhereItsSamplesAreHeld) {
  auto stream = open("s");
  begin(*stream);
  publish(*stream, noise(16000, 13));
  auto late = subscribe("s", "whisper-80", {.start = kFromFrame0});
  Received received;
  tick();
  publish(*stream, noise(16000, 14));
  drain(*late, received);
  ASSERT_FALSE(received.holes.empty());
  EXPECT_EQ(received.holes[0].hole.reason, GapReason::kHistoryEvicted);
  EXPECT_EQ(received.holes[0].hole.first_frame, 0);
  ASSERT_FALSE(received.frames.empty());
  EXPECT_GE(received.frames.front(), 100);
  EXPECT_LE(received.frames.front(), 103);
}

TEST_F(DeliveryTest, AFrontEndAskedForLateIsComputedBackFromTheAudioHistory) {
  build({.audio_history_s = 10.0});
  const auto samples = noise(48000, 15);
  auto stream = open("s");
  begin(*stream);
  publish(*stream, samples);
  auto late = subscribe("s", "nemo-80", {.start = kFromFrame0});
  auto live = subscribe("s", "nemo-80");
  Received received;
  Received now;
  loop_->run_once();
  drain(*live, now);
  EXPECT_EQ(now.started->first_frame, 299);  // live, though older frames are still being computed
  tick();
  end(*stream);
  drain(*late, received);
  received.expect_tiled();
  EXPECT_TRUE(received.holes.empty());
  EXPECT_EQ(received.values, offline("nemo-80", samples));
}

TEST_F(DeliveryTest, BackComputationCrossesGapsAndSurvivesEviction) {
  build({.audio_history_s = 4.0});
  auto stream = open("s");
  begin(*stream);
  publish(*stream, noise(60000, 16));
  const auto after = noise(30000, 17);
  begin(*stream, 70000);
  publish(*stream, after);
  auto late = subscribe("s", "whisper-80", {.start = kFromFrame0});
  tick();
  end(*stream);
  Received received;
  drain(*late, received);
  received.expect_tiled();
  ASSERT_EQ(received.holes.size(), 2U);
  EXPECT_EQ(received.holes[0].hole.reason, GapReason::kHistoryEvicted);
  EXPECT_EQ(received.holes[1].hole.reason, GapReason::kNetLoss);
  const auto expected = offline("whisper-80", after);
  ASSERT_GE(received.values.size(), expected.size());
  EXPECT_TRUE(std::equal(expected.rbegin(), expected.rend(), received.values.rbegin()));
}

TEST_F(DeliveryTest, CaptureTimeFollowsTheSamplesAndNeverDecreases) {
  auto stream = open("s");
  auto subscription = subscribe("s", "whisper-80", {.start = kFromFrame0});
  begin(*stream);
  publish(*stream, noise(3200, 18));
  clock_.step_wall_ns(-3'600'000'000'000);  // the wall clock goes back an hour
  begin(*stream, 4800);
  publish(*stream, noise(3200, 19));
  end(*stream);
  Received received;
  drain(*subscription, received);
  for (std::size_t i = 1; i < received.capture_wall_ns.size(); ++i) {
    EXPECT_GT(received.capture_wall_ns[i], received.capture_wall_ns[i - 1]);
  }
  EXPECT_EQ(received.capture_wall_ns[1] - received.capture_wall_ns[0], 4 * 10'000'000);
}

TEST_F(DeliveryTest, WaitsForAStreamYetToCome) {
  auto subscription = subscribe("later", "whisper-80", {.wait = true});
  Received received;
  drain(*subscription, received);
  EXPECT_FALSE(received.started.has_value());
  auto stream = open("later");
  drain(*subscription, received);  // finds the stream
  tick();
  drain(*subscription, received);
  ASSERT_TRUE(received.started.has_value());
  EXPECT_EQ(received.started->epoch, stream->epoch());
}

TEST_F(DeliveryTest, WhoWaitsHasAllOfAStreamThatWasOverBeforeItJoined) {
  auto live = subscribe("later", "kaldi-80", {.wait = true});
  auto other = subscribe("later", "whisper-80", {.start = kFromFrame0, .wait = true});
  auto stranger = subscribe("another", "nemo-80", {.wait = true});
  const auto samples = noise(8000, 21);
  auto stream = open("later");
  EXPECT_EQ(stream->histories().size(), 2) << "what is waited for, and no more";
  begin(*stream);
  publish(*stream, samples);
  Received received;
  drain(*live, received);
  end(*stream);
  drain(*live, received);
  received.expect_tiled();
  EXPECT_EQ(received.values, offline("kaldi-80", samples));
  Received whisper;
  drain(*other, whisper);
  EXPECT_EQ(whisper.values, offline("whisper-80", samples));
}

TEST_F(DeliveryTest, WhoWaitsNoLongerExpectsNothing) {
  subscribe("later", "kaldi-80", {.wait = true}).reset();
  EXPECT_TRUE(open("later")->histories().empty());
}

TEST_F(DeliveryTest, AnEndedStreamStaysReadable) {
  auto stream = open("s");
  auto first = subscribe("s", "whisper-80", {.start = kFromFrame0});
  const auto samples = noise(8000, 20);
  begin(*stream);
  publish(*stream, samples);
  end(*stream);
  EXPECT_TRUE(stream->ended());
  auto again = subscribe("s", "whisper-80", {.start = kFromFrame0});
  Received received;
  drain(*again, received);
  received.expect_tiled();
  EXPECT_EQ(received.values, offline("whisper-80", samples));
  EXPECT_THROW(subscribe("s", "kaldi-80"), core::Error);
}

TEST_F(DeliveryTest, RefusesWhatMakesNoSense) {
  open("s");
  EXPECT_THROW(subscribe("nobody", "whisper-80"), core::Error);
  EXPECT_THROW(subscribe("s", "whisper-80", {.block_frames = 0}), core::Error);
  EXPECT_THROW(subscribe("s", "whisper-80", {.max_delay_ns = 0}), core::Error);
  EXPECT_THROW(subscribe("s", "mfcc-13", {.smoothing = engine::Smoothing::kBox3x3}), core::Error);
  EXPECT_THROW(subscribe("s", "whisper-80", {.start = {.kind = StartAt::Kind::kFrame, .frame = -1}}), core::Error);
  constexpr core::FrameIndex kFar = std::numeric_limits<core::FrameIndex>::max();
  EXPECT_THROW(subscribe("s", "whisper-80", {.start = {.kind = StartAt::Kind::kFrame, .frame = kFar}}), core::Error);
  EXPECT_THROW(subscribe("s", "whisper-80", {.slow_policy = pipeline::SlowPolicy::kBlock}), core::Error);
}

}  // namespace
}  // namespace melstream::test
