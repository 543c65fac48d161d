// StreamAudio into Subscribe: what goes in as audio comes out as exactly the offline rows, and every end is told.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

#include "tests/rpc/server_fixture.hpp"

namespace melstream::test {
namespace {

/// float16 to float, by the formula.
float from_float16(std::uint16_t half) {
  const int exponent = half >> 10 & 31;
  const float fraction = static_cast<float>(half & 1023) / 1024.0F;
  const float magnitude = exponent == 0 ? std::ldexp(fraction, -14) : std::ldexp(1.0F + fraction, exponent - 15);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

class StreamTest : public ServerTest {
 protected:
  StreamTest() = default;
  explicit StreamTest(const FixtureOptions& options) : ServerTest(options) {}

  /// Subscribes with `config` and then streams the samples fast, in chunks; reads to the end.
  Reading stream_fast(const std::vector<std::int16_t>& samples, v1::SubscribeConfig config,
                      std::size_t chunk_samples = 3000) {
    config.set_slow_policy(v1::SLOW_POLICY_BLOCK);
    config.set_frame(0);
    Publisher publisher(audio());
    publisher.open(audio_config(config.stream(), v1::PACING_FAST));
    Subscriber subscriber(features(), config);
    Reading reading;
    v1::SubscribeResponse start;
    EXPECT_TRUE(subscriber.receive(start));
    reading.take(start);
    std::thread sender([&] {
      const std::string bytes = as_bytes(samples);
      for (std::size_t at = 0; at < bytes.size(); at += chunk_samples * 2) {
        if (!publisher.send(bytes.substr(at, chunk_samples * 2))) break;
      }
      publisher.half_close();
    });
    const grpc::Status status = subscriber.finish(&reading);
    sender.join();
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_TRUE(reading.has_end);
    EXPECT_EQ(reading.end.reason(), v1::END_REASON_COMPLETED);
    v1::StreamEnded ended;
    EXPECT_TRUE(publisher.finish(&ended).ok());
    EXPECT_EQ(ended.reason(), v1::END_REASON_COMPLETED);
    EXPECT_EQ(ended.totals().accepted_samples(), static_cast<std::int64_t>(samples.size()));
    EXPECT_EQ(ended.totals().dropped_samples(), 0);
    return reading;
  }
};

TEST_F(StreamTest, GivesTheOfflineRowsOfAFastStream) {
  const auto samples = pcm_noise(50'100, 1);  // the last frame reaches beyond the end
  const Reading reading = stream_fast(samples, subscribe_config("clip"));
  EXPECT_EQ(reading.values(), offline(as_floats(samples), "whisper-80"));
  EXPECT_TRUE(reading.gaps.empty());
  EXPECT_EQ(reading.start.stream(), "clip");
  EXPECT_EQ(reading.start.front_end(), "whisper-80");
  EXPECT_EQ(reading.start.spec_sha256(), catalog().find("whisper-80")->sha256());
  EXPECT_EQ(reading.start.first_frame(), 0);
  EXPECT_EQ(reading.start.first_sample(), 0);
  EXPECT_EQ(reading.start.bins(), 80);
  EXPECT_EQ(reading.start.hop_samples(), 160);
  EXPECT_EQ(reading.start.algorithmic_delay_samples(), 200);
  EXPECT_EQ(reading.start.engine().backend(), "cpu");
  EXPECT_EQ(reading.start.engine().build(), "0.0.0 test");
  EXPECT_EQ(reading.end.next_frame(), 313);
  std::int64_t next_frame = 0;
  std::int64_t capture_ns = 0;
  for (const v1::FeatureBlock& block : reading.blocks) {
    EXPECT_EQ(block.first_frame(), next_frame);
    EXPECT_EQ(block.first_sample(), next_frame * 160);
    EXPECT_EQ(block.epoch(), reading.start.epoch());
    EXPECT_GE(block.capture_time_ns(), capture_ns);
    EXPECT_GT(block.received_time_ns(), 1'600'000'000'000'000'000);  // Unix time, in nanoseconds
    EXPECT_EQ(block.flags() & v1::BLOCK_FLAG_SEGMENT_START, next_frame == 0 ? 1U : 0U);
    capture_ns = block.capture_time_ns();
    next_frame += block.frame_count();
  }
  EXPECT_EQ(reading.blocks.back().flags() & v1::BLOCK_FLAG_SEGMENT_END, 2U);
}

TEST_F(StreamTest, TakesLiveAudioAndSmoothing) {
  const auto samples = pcm_noise(16'000, 2);
  Publisher publisher(audio());
  const v1::StreamStarted started = publisher.open(audio_config("mic"));
  ASSERT_EQ(started.streams_size(), 1);
  EXPECT_EQ(started.streams(0).stream(), "mic");
  v1::SubscribeConfig config = subscribe_config("mic");
  config.mutable_features()->set_smoothing(v1::SMOOTHING_BOX3X3);
  config.set_frame(0);
  Subscriber subscriber(features(), config);
  v1::SubscribeResponse response;
  ASSERT_TRUE(publisher.send(as_bytes({samples.begin(), samples.begin() + 8000})));
  ASSERT_TRUE(subscriber.receive_until(v1::SubscribeResponse::kStart, response));
  EXPECT_EQ(response.start().epoch(), started.streams(0).epoch());
  ASSERT_TRUE(publisher.send(as_bytes({samples.begin() + 8000, samples.end()})));
  publisher.half_close();
  Reading reading;
  EXPECT_TRUE(subscriber.finish(&reading).ok());
  EXPECT_EQ(reading.values(), offline(as_floats(samples), "whisper-80", engine::Smoothing::kBox3x3));
  EXPECT_TRUE(publisher.finish().ok());
}

TEST_F(StreamTest, Float16InMelMajorIsFloat32InTimeMajorConverted) {
  const auto samples = pcm_noise(5'000, 3);
  v1::SubscribeConfig config = subscribe_config("clip");
  config.set_block_frames(7);
  const Reading plain = stream_fast(samples, config);
  config.mutable_features()->set_element_type(v1::ELEMENT_TYPE_FLOAT16);
  config.mutable_features()->set_layout(v1::LAYOUT_MEL_MAJOR);
  const Reading packed = stream_fast(samples, config);
  ASSERT_EQ(plain.n_frames(), packed.n_frames());
  const std::vector<float> expected = plain.values();
  std::size_t first = 0;
  for (const v1::FeatureBlock& block : packed.blocks) {
    const auto n_frames = static_cast<std::size_t>(block.frame_count());
    ASSERT_EQ(block.values().size(), n_frames * 80 * 2);
    for (std::size_t bin = 0; bin < 80; ++bin) {
      for (std::size_t frame = 0; frame < n_frames; ++frame) {
        std::uint16_t half = 0;
        std::memcpy(&half, block.values().data() + (bin * n_frames + frame) * 2, 2);
        // Values lie in (-10, 8): an ulp of 2^-7 at most, half of it by rounding.
        EXPECT_NEAR(from_float16(half), expected[(first + frame) * 80 + bin], 1.0F / 256);
      }
    }
    first += n_frames;
  }
}

TEST_F(StreamTest, RunningMaxEqualsRecomputation) {
  auto samples = pcm_noise(8'000, 4);
  for (std::size_t i = 0; i < 4'000; ++i) samples[i] = static_cast<std::int16_t>(samples[i] / 100);  // then louder
  v1::SubscribeConfig config = subscribe_config("clip");
  config.mutable_features()->set_normalization(v1::NORMALIZATION_RUNNING_MAX);
  const Reading reading = stream_fast(samples, config);
  const std::vector<float> raw = offline(as_floats(samples), "whisper-80");
  const std::vector<float> values = reading.values();
  ASSERT_EQ(values.size(), raw.size());
  float running = -1e9F;
  for (std::size_t row = 0; row < raw.size() / 80; ++row) {
    for (std::size_t bin = 0; bin < 80; ++bin) running = std::max(running, raw[row * 80 + bin]);
    for (std::size_t bin = 0; bin < 80; ++bin) {
      EXPECT_NEAR(values[row * 80 + bin], (std::max(raw[row * 80 + bin], running - 8.0F) + 4.0F) / 4.0F, 1e-6F);
    }
  }
  EXPECT_EQ(reading.blocks.back().running_max(), running);
}

class TinyRingTest : public StreamTest {
 protected:
  TinyRingTest()
      : StreamTest(
            {.registry = {.max_streams = 4, .ring_samples = 4096, .history_s = 0.5, .audio_history_s = 0, .always = {}},
             .server = {}}) {}
};

TEST_F(TinyRingTest, LosesNothingOfAFastStreamForASlowReader) {
  const auto samples = pcm_noise(200'000, 5);
  // Half a second of history; the publisher runs 12 s ahead as far as it is let.
  const Reading reading = stream_fast(samples, subscribe_config("clip"), 30'000);
  EXPECT_TRUE(reading.gaps.empty());
  EXPECT_EQ(reading.values(), offline(as_floats(samples), "whisper-80"));
}

TEST_F(TinyRingTest, ResamplesAFastStreamLosslessly) {
  v1::SubscribeConfig config = subscribe_config("clip");
  config.set_slow_policy(v1::SLOW_POLICY_BLOCK);
  config.set_frame(0);
  Publisher publisher(audio());
  v1::AudioConfig format = audio_config("clip", v1::PACING_FAST);
  format.set_sample_rate_hertz(8000);
  const v1::StreamStarted started = publisher.open(format);
  EXPECT_EQ(started.resampler_delay_ns(), 15'000'000);
  Subscriber subscriber(features(), config);
  v1::SubscribeResponse response;
  ASSERT_TRUE(subscriber.receive_until(v1::SubscribeResponse::kStart, response));
  std::thread sender([&] {
    for (int i = 0; i < 5; ++i) publisher.send(as_bytes(pcm_noise(8'000, 6)));
    publisher.half_close();
  });
  Reading reading;
  EXPECT_TRUE(subscriber.finish(&reading).ok());
  sender.join();
  EXPECT_EQ(reading.n_frames(), 500);  // 5 s
  EXPECT_TRUE(reading.gaps.empty());
  EXPECT_TRUE(publisher.finish().ok());
}

TEST_F(StreamTest, SplitsChannelsIntoStreams) {
  const auto left = pcm_noise(4'000, 7);
  const auto right = pcm_noise(4'000, 8);
  std::vector<std::int16_t> both;
  for (std::size_t i = 0; i < left.size(); ++i) {
    both.push_back(left[i]);
    both.push_back(right[i]);
  }
  Publisher publisher(audio());
  v1::AudioConfig format = audio_config("room");
  format.set_audio_channel_count(2);
  format.set_channel_mode(v1::CHANNEL_MODE_SPLIT);
  const v1::StreamStarted started = publisher.open(format);
  ASSERT_EQ(started.streams_size(), 2);
  EXPECT_EQ(started.streams(0).stream(), "room.0");
  EXPECT_EQ(started.streams(1).stream(), "room.1");
  EXPECT_NE(started.streams(0).epoch(), started.streams(1).epoch());
  v1::SubscribeConfig config = subscribe_config("room.1");
  config.set_frame(0);
  Subscriber subscriber(features(), config);
  v1::SubscribeResponse response;
  ASSERT_TRUE(subscriber.receive_until(v1::SubscribeResponse::kStart, response));
  ASSERT_TRUE(publisher.send(as_bytes(both)));
  publisher.half_close();
  Reading reading;
  EXPECT_TRUE(subscriber.finish(&reading).ok());
  EXPECT_EQ(reading.values(), offline(as_floats(right), "whisper-80"));
  EXPECT_TRUE(publisher.finish().ok());
}

}  // namespace
}  // namespace melstream::test
