// A microphone's life on a scripted sound system: on demand, always, formats, several at once.
#include <cmath>

#include "melstream/core/error.hpp"

#include "tests/audio/mic/mic_fixture.hpp"

namespace melstream::test {
namespace {

using core::SourceState;

TEST_F(MicTest, OnDemandOpensTheDeviceOnlyWhileSomebodySubscribes) {
  script.plug(device_of("desk"));
  const auto source = open("m", "mic:desk?linger_s=2");
  turn(1000);
  RecordedStream* stream = recorder.find("m");
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(script.n_opened, 0);
  EXPECT_EQ(source->status().state, SourceState::kIdle);
  EXPECT_EQ(source->status().streams, std::vector<std::string>{"m"});
  stream->n_readers = 1;
  turn(1000);
  EXPECT_EQ(script.n_opened, 1);
  EXPECT_EQ(source->status().state, SourceState::kLive);
  stream = recorder.find("m");
  EXPECT_GT(stream->taken[0].all_samples().size(), 12000u);
  stream->n_readers = 0;
  turn(1900);
  EXPECT_NE(script.device("desk"), nullptr) << "it lingers";
  turn(300);
  EXPECT_EQ(script.device("desk"), nullptr);
  EXPECT_EQ(source->status().state, SourceState::kIdle);
}

TEST_F(MicTest, EachCaptureIsALifeOfItsOwn) {
  script.plug(device_of("desk"));
  const auto source = open("m", "mic:desk?linger_s=0");
  turn(200);
  RecordedStream* const first = recorder.find("m");
  first->n_readers = 1;
  turn(500);
  first->n_readers = 0;
  turn(200);
  EXPECT_TRUE(first->ended());
  EXPECT_EQ(first->taken[0].end_reason, core::EndReason::kCompleted);
  RecordedStream* const second = recorder.find("m");
  ASSERT_NE(second, first);
  EXPECT_FALSE(second->ended());
  second->n_readers = 1;
  turn(500);
  EXPECT_EQ(recorder.find("m")->taken[0].segments.size(), 1u);
  EXPECT_EQ(recorder.find("m")->taken[0].segments[0].start.timeline_begin, 0);
  EXPECT_EQ(n_events("device_opened"), 2);
}

TEST_F(MicTest, AReaderWhoLeavesBeforeTheFirstSampleEndsNothing) {
  script.plug(device_of("desk"));
  script.refuse("desk", audio::DeviceProblem::kRefused);
  const auto source = open("m", "mic:desk?linger_s=0");
  turn(200);
  RecordedStream* const stream = recorder.find("m");
  stream->n_readers = 1;
  turn(1000);
  EXPECT_EQ(source->status().state, SourceState::kWaiting);
  stream->n_readers = 0;
  turn(200);
  EXPECT_EQ(source->status().state, SourceState::kIdle);
  EXPECT_EQ(recorder.find("m"), stream);
  EXPECT_FALSE(stream->ended());
}

TEST_F(MicTest, AlwaysCapturesWithoutReadersSampleForSample) {
  script.plug(device_of("desk"));
  const auto source = open("m", "mic:desk?capture=always");
  turn(2000);
  const std::vector<float> samples = recorder.find("m")->taken[0].all_samples();
  ASSERT_GT(samples.size(), 24000u);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    ASSERT_EQ(samples[i], static_cast<float>(i % 32768) / 32768.0F) << i;
  }
  EXPECT_EQ(counter(*source, "samples_captured"), static_cast<std::int64_t>(samples.size()));
  EXPECT_EQ(counter(*source, "samples_accepted"), static_cast<std::int64_t>(samples.size()));
  EXPECT_EQ(counter(*source, "callbacks"), static_cast<std::int64_t>(samples.size() / 160));
  EXPECT_TRUE(recorder.find("m")->request.local);
  source->end(core::EndReason::kCompleted);
  turn(100);
  EXPECT_EQ(recorder.find("m")->taken[0].end_reason, core::EndReason::kCompleted);
  EXPECT_EQ(script.device("desk"), nullptr);
  EXPECT_EQ(source->status().state, SourceState::kEnded);
}

TEST_F(MicTest, TheAnchorIsTheCaptureTimeOfTheFirstSample) {
  script.plug(device_of("desk"));
  const auto source = open("m", "mic:desk?capture=always");
  turn(500);
  const auto& taken = recorder.find("m")->taken[0];
  const auto n = static_cast<std::int64_t>(taken.all_samples().size());
  // The scripted device delivers to the instant.
  EXPECT_EQ(taken.segments[0].start.capture_mono_ns + core::samples_to_ns(n), clock.mono_ns());
}

TEST_F(MicTest, OpensAtTheDevicesOwnRateAndSplitsItsChannels) {
  script.plug(device_of("array", 48000, 2));
  const auto source = open("m", "mic:array?capture=always&channel=split");
  turn(500);
  const RecordedStream* const stream = recorder.find("m");
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(stream->request.format.sample_rate_hz, 48000);
  EXPECT_EQ(stream->request.format.n_channels, 2);
  EXPECT_EQ(stream->feeds.size(), 2u);
  EXPECT_EQ(source->status().streams, (std::vector<std::string>{"m.0", "m.1"}));
  EXPECT_EQ(stream->taken[0].all_samples(), stream->taken[1].all_samples());
  EXPECT_GT(stream->taken[0].all_samples().size(), 4000u);
}

TEST_F(MicTest, ADeviceThatClaimsManyChannelsIsOpenedWithOne) {
  script.plug(device_of("pulse", 44100, 32));
  const auto mixed = open("m", "mic:pulse?rate=16000");
  const auto split = open("s", "mic:pulse?channel=split");
  turn(500);
  EXPECT_EQ(recorder.find("m")->request.format.n_channels, 1);
  EXPECT_EQ(recorder.find("m")->request.format.sample_rate_hz, 16000);
  EXPECT_EQ(recorder.find("s"), nullptr);
  EXPECT_NE(split->status().detail.find("channels=2"), std::string::npos) << split->status().detail;
}

TEST_F(MicTest, AChannelThatTheDeviceDoesNotHaveIsAStateAndSaysSo) {
  script.plug(device_of("desk", 16000, 2));
  const auto source = open("m", "mic:desk?channel=3");
  turn(500);
  EXPECT_EQ(source->status().state, SourceState::kWaiting);
  EXPECT_NE(source->status().detail.find("has 2 channels, not 4"), std::string::npos) << source->status().detail;
}

TEST_F(MicTest, TwoMicrophonesAndTwoOfOneDeviceCaptureAtOnce) {
  script.plug(device_of("desk"));
  script.plug(device_of("door", 48000));
  const auto desk = open("a", "mic:desk?capture=always");
  const auto door = open("b", "mic:door?capture=always");
  const auto again = open("c", "mic:desk?capture=always");
  turn(1000);
  EXPECT_EQ(script.open.size(), 3u);
  for (const char* const id : {"a", "b", "c"}) {
    EXPECT_GT(recorder.find(id)->taken[0].all_samples().size(), 10000u) << id;
    EXPECT_EQ(recorder.find(id)->taken[0].segments.size(), 1u) << id;
  }
}

TEST_F(MicTest, AStreamThatIsTakenOverIsTakenBackLater) {
  script.plug(device_of("desk"));
  const auto source = open("m", "mic:desk?capture=always");
  turn(500);
  RecordedStream* const stream = recorder.find("m");
  stream->request.on_takeover();
  turn(10);
  EXPECT_TRUE(recorder.all().front()->ended());
  EXPECT_EQ(stream->taken[0].end_reason, core::EndReason::kTakenOver);
  EXPECT_EQ(source->status().state, SourceState::kWaiting);
  turn(2000);
  EXPECT_NE(recorder.find("m"), stream);
  EXPECT_EQ(source->status().state, SourceState::kLive);
}

TEST_F(MicTest, AStreamThatTheDaemonRefusesIsTriedAgain) {
  script.plug(device_of("desk"));
  recorder.set_max_streams(0);
  const auto source = open("m", "mic:desk?capture=always");
  turn(500);
  EXPECT_EQ(source->status().state, SourceState::kWaiting);
  EXPECT_NE(source->status().detail.find("all streams are in use"), std::string::npos);
  recorder.set_max_streams(10);
  turn(5000);
  EXPECT_EQ(source->status().state, SourceState::kLive);
}

TEST_F(MicTest, DriftIsMeasuredAndNothingIsLostByIt) {
  script.plug(device_of("desk"));
  const auto source = open("m", "mic:desk?capture=always");
  turn(200);
  ScriptedDevice* const device = script.device("desk");
  ASSERT_NE(device, nullptr);
  device->runs = false;
  // 120 ppm fast: a block of 160 samples each 9.9988 ms.
  std::int64_t first = next_sample["desk"];
  for (int i = 0; i < 7000; ++i) {
    clock.advance_ns(9'998'800);
    device->deliver(first, 160);
    first += 160;
    microphones->capture_pass();
    recorder.all();
  }
  ASSERT_TRUE(source->status().drift_ppm.has_value());
  EXPECT_NEAR(*source->status().drift_ppm, 120, 1);
  EXPECT_EQ(counter(*source, "samples_missing"), 0);
}

TEST_F(MicTest, DestroyedWithoutEndItsStreamIsLost) {
  script.plug(device_of("desk"));
  auto source = open("m", "mic:desk?capture=always");
  turn(500);
  source.reset();
  EXPECT_EQ(recorder.find("m")->taken[0].end_reason, core::EndReason::kSourceLost);
  turn(100);
  EXPECT_EQ(script.device("desk"), nullptr);
}

TEST_F(MicTest, WithoutMicrophonesTheKindSaysSo) {
  microphones.reset();
  EXPECT_THROW(open("m", "mic:default"), core::Error);
}

}  // namespace
}  // namespace melstream::test
