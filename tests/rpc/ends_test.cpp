// What publishers and subscribers are told besides rows: progress, losses, ends.
#include <limits>

#include "tests/rpc/server_fixture.hpp"

namespace melstream::test {
namespace {

class EndsTest : public ServerTest {};

TEST_F(EndsTest, TellsSubscribersThatACancelledSourceIsLost) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  Subscriber subscriber(features(), [] {
    v1::SubscribeConfig config = subscribe_config("mic");
    config.set_frame(0);
    return config;
  }());
  ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(16'000, 9))));
  v1::SubscribeResponse response;
  ASSERT_TRUE(subscriber.receive_until(v1::SubscribeResponse::kBlock, response));
  publisher.cancel();
  Reading reading;
  EXPECT_TRUE(subscriber.finish(&reading).ok());
  ASSERT_TRUE(reading.has_end);
  EXPECT_EQ(reading.end.reason(), v1::END_REASON_SOURCE_LOST);
  EXPECT_EQ(reading.end.next_frame(), 100);  // what came before is flushed
  EXPECT_EQ(publisher.finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(EndsTest, TellsProgressEverySecondOfAudio) {
  Publisher publisher(audio());
  publisher.open(audio_config("clip", v1::PACING_FAST));
  v1::StreamAudioResponse response;
  for (std::int64_t seconds = 1; seconds <= 3; ++seconds) {
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(1'600, 10))));
    ASSERT_TRUE(publisher.receive(response));
    ASSERT_TRUE(response.has_progress());
    EXPECT_EQ(response.progress().accepted_samples(), seconds * 16'000);
    EXPECT_EQ(response.progress().offered_samples(), response.progress().accepted_samples());
  }
  publisher.half_close();
  EXPECT_TRUE(publisher.finish().ok());
}

TEST_F(EndsTest, CountsSamplesThatAreNoNumbers) {
  Publisher publisher(audio());
  v1::AudioConfig format = audio_config("mic");
  format.set_encoding(v1::AUDIO_ENCODING_FLOAT32);
  publisher.open(format);
  std::vector<float> samples(1'000, 0.25F);
  samples[10] = std::numeric_limits<float>::quiet_NaN();
  samples[20] = -std::numeric_limits<float>::infinity();
  ASSERT_TRUE(publisher.send(std::string(reinterpret_cast<const char*>(samples.data()), samples.size() * 4)));
  publisher.half_close();
  v1::StreamEnded ended;
  EXPECT_TRUE(publisher.finish(&ended).ok());
  EXPECT_EQ(ended.totals().nonfinite_samples(), 2);
  EXPECT_EQ(ended.totals().accepted_samples(), 1'000);
}

TEST_F(EndsTest, TellsLossesThatThePublisherKnows) {
  Publisher publisher(audio());
  v1::AudioConfig config = audio_config("mic");
  config.set_conceal(v1::CONCEAL_ZERO);
  publisher.open(config);
  Subscriber subscriber(features(), [] {
    v1::SubscribeConfig wanted = subscribe_config("mic");
    wanted.set_frame(0);
    return wanted;
  }());
  v1::SubscribeResponse response;
  ASSERT_TRUE(subscriber.receive_until(v1::SubscribeResponse::kStart, response));
  ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(3'200, 13))));
  for (const std::int64_t n_lost : {160, 1'600}) {
    v1::StreamAudioRequest request;
    request.mutable_audio()->set_content(as_bytes(pcm_noise(3'200, 14)));
    request.mutable_audio()->set_lost_samples(n_lost);
    request.mutable_audio()->set_lost_reason(v1::GAP_REASON_KERNEL_DROP);
    ASSERT_TRUE(publisher.send(request));
  }
  publisher.half_close();
  v1::StreamEnded ended;
  EXPECT_TRUE(publisher.finish(&ended).ok());
  EXPECT_EQ(ended.totals().dropped_samples(), 1'760);
  EXPECT_EQ(ended.totals().concealed_samples(), 160);
  ASSERT_EQ(ended.totals().losses_size(), 1);
  EXPECT_EQ(ended.totals().losses(0).reason(), v1::GAP_REASON_KERNEL_DROP);
  EXPECT_EQ(ended.totals().losses(0).samples(), 1'760);
  Reading reading;
  EXPECT_TRUE(subscriber.finish(&reading).ok());
  ASSERT_EQ(reading.gaps.size(), 1U);  // the short loss was concealed
  EXPECT_EQ(reading.gaps[0].reason(), v1::GAP_REASON_KERNEL_DROP);
  EXPECT_EQ(reading.gaps[0].lost_source_samples(), 1'600);
}

TEST_F(EndsTest, HandsTheStreamToWhoTakesItOver) {
  Publisher first(audio());
  const std::uint64_t epoch = first.open(audio_config("mic")).streams(0).epoch();
  v1::SubscribeConfig config = subscribe_config("mic");
  config.set_frame(0);
  Subscriber subscriber(features(), config);
  v1::SubscribeResponse response;
  ASSERT_TRUE(first.send(as_bytes(pcm_noise(1'600, 11))));
  ASSERT_TRUE(subscriber.receive_until(v1::SubscribeResponse::kStart, response));

  Publisher refused(audio());
  refused.send(audio_config("mic"));
  EXPECT_EQ(refused.finish().error_code(), grpc::StatusCode::ALREADY_EXISTS);

  Publisher second(audio());
  v1::AudioConfig takeover = audio_config("mic");
  takeover.set_takeover(true);
  EXPECT_NE(second.open(takeover).streams(0).epoch(), epoch);
  v1::StreamEnded ended;
  EXPECT_EQ(first.finish(&ended).error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(ended.reason(), v1::END_REASON_TAKEN_OVER);
  EXPECT_EQ(ended.totals().accepted_samples(), 1'600);
  Reading reading;
  EXPECT_TRUE(subscriber.finish(&reading).ok());
  EXPECT_EQ(reading.end.reason(), v1::END_REASON_TAKEN_OVER);
  second.half_close();
  EXPECT_TRUE(second.finish().ok());
}

class ShortHistoryTest : public ServerTest {
 protected:
  ShortHistoryTest()
      : ServerTest(
            {.registry = {.max_streams = 4, .history_s = 0.5, .audio_history_s = 0, .always = {}}, .server = {}}) {}
};

TEST_F(ShortHistoryTest, TellsWhatItNoLongerHolds) {
  Publisher publisher(audio());
  publisher.open(audio_config("clip", v1::PACING_FAST));
  v1::SubscribeConfig config = subscribe_config("clip");
  config.set_frame(0);
  config.set_slow_policy(v1::SLOW_POLICY_BLOCK);
  Subscriber first(features(), config);
  v1::SubscribeResponse response;
  ASSERT_TRUE(first.receive(response));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(8'000, 12))));
  Reading all;
  while (all.n_frames() < 190 && first.receive(response)) all.take(response);
  config.set_slow_policy(v1::SLOW_POLICY_DROP_OLDEST);
  Subscriber late(features(), config);  // from frame 0, with 50 frames of history
  publisher.half_close();
  Reading reading;
  EXPECT_TRUE(late.finish(&reading).ok());
  ASSERT_FALSE(reading.gaps.empty());
  EXPECT_EQ(reading.gaps[0].first_frame(), 0);
  EXPECT_EQ(reading.gaps[0].reason(), v1::GAP_REASON_HISTORY_EVICTED);
  std::int64_t n_gapped = 0;  // the stream's last rows may push out some more while it reads
  for (const v1::Gap& gap : reading.gaps) n_gapped += gap.frame_count();
  EXPECT_EQ(n_gapped + reading.n_frames(), 200);
  EXPECT_EQ(reading.end.next_frame(), 200);
}

}  // namespace
}  // namespace melstream::test
