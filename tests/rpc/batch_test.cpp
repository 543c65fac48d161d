// Many streams in one call: each lives and fails by itself.
#include "tests/rpc/batch_client.hpp"

namespace melstream::test {
namespace {

using grpc::StatusCode;
using Kind = v1::BatchUpdate::UpdateCase;
using Life = std::vector<Kind>;

const Life kWholeLife = {Kind::kStarted, Kind::kEnded};
const Life kFailedLife = {Kind::kStarted, Kind::kFailed, Kind::kEnded};

std::string noise(std::size_t n_samples, std::uint32_t seed = 1) { return as_bytes(pcm_noise(n_samples, seed)); }

class BatchTest : public ServerTest {
 protected:
  explicit BatchTest(FixtureOptions options = {}) : ServerTest(std::move(options)) {}

  v1::SubscribeConfig from_start(const std::string& stream) const {
    v1::SubscribeConfig config = subscribe_config(stream);
    config.set_frame(0);
    return config;
  }
};

TEST_F(BatchTest, CarriesEachStreamsAudioToItsReaders) {
  BatchClient batch(audio());
  ASSERT_TRUE(batch.open(1, audio_config("a")).open(2, audio_config("b")).send());
  ASSERT_TRUE(batch.receive_until(2, Kind::kStarted));
  EXPECT_EQ(batch.told(1, Kind::kStarted)->started().streams(0).stream(), "a");
  EXPECT_NE(batch.told(1, Kind::kStarted)->started().streams(0).epoch(), 0U);
  Subscriber first(features(), from_start("a"));
  Subscriber second(features(), from_start("b"));
  v1::SubscribeResponse response;
  ASSERT_TRUE(first.receive(response));
  ASSERT_TRUE(second.receive(response));
  const auto a = pcm_noise(3'200, 1);
  const auto b = pcm_noise(3'200, 2);
  for (std::ptrdiff_t at = 0; at < 3'200; at += 320) {
    batch.chunk(1, as_bytes({a.begin() + at, a.begin() + at + 320}));
    batch.chunk(2, as_bytes({b.begin() + at, b.begin() + at + 320}));
    ASSERT_TRUE(batch.send());
  }
  batch.half_close();
  EXPECT_TRUE(batch.finish().ok());
  for (const std::uint32_t number : {1U, 2U}) {
    EXPECT_EQ(batch.life_of(number), kWholeLife);
    EXPECT_EQ(batch.ended(number).reason(), v1::END_REASON_COMPLETED);
    EXPECT_EQ(batch.ended(number).totals().accepted_samples(), 3'200);
    EXPECT_EQ(batch.ended(number).totals().dropped_samples(), 0);
  }
  Reading reading;
  EXPECT_TRUE(first.finish(&reading).ok());
  EXPECT_EQ(reading.values(), offline(as_floats(a), "whisper-80"));
  Reading other;
  EXPECT_TRUE(second.finish(&other).ok());
  EXPECT_EQ(other.values(), offline(as_floats(b), "whisper-80"));
}

TEST_F(BatchTest, AMistakeEndsItsStreamAlone) {
  BatchClient batch(audio());
  batch.open(1, audio_config("a")).open(2, audio_config("b"));
  ASSERT_TRUE(batch.chunk(1, noise(320)).chunk(1, "odd").chunk(1, noise(320)).chunk(2, noise(320)).send());
  ASSERT_TRUE(batch.receive_until(1, Kind::kEnded));
  // What was under way when the stream failed is no mistake.
  ASSERT_TRUE(batch.chunk(1, noise(320)).chunk(2, noise(320)).close(1).send());
  batch.half_close();
  EXPECT_TRUE(batch.finish().ok());
  EXPECT_EQ(batch.life_of(1), kFailedLife);
  EXPECT_EQ(batch.failure_code(1), StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(batch.told(1, Kind::kFailed)->failed().message().find("whole number of samples"), std::string::npos);
  EXPECT_EQ(batch.ended(1).reason(), v1::END_REASON_SOURCE_LOST);
  EXPECT_EQ(batch.ended(1).totals().accepted_samples(), 320);
  EXPECT_EQ(batch.life_of(2), kWholeLife);
  EXPECT_EQ(batch.ended(2).totals().accepted_samples(), 640);
}

TEST_F(BatchTest, RefusesOneOfSeveral) {
  BatchClient batch(audio());
  v1::AudioConfig bad = audio_config("bad");
  bad.set_sample_rate_hertz(7999);
  batch.open(1, audio_config("a")).open(2, audio_config("a")).open(3, bad);
  batch.open(4, audio_config("fast", v1::PACING_FAST)).open(5, audio_config("e")).chunk(2, noise(320));
  ASSERT_TRUE(batch.send());
  batch.half_close();
  EXPECT_TRUE(batch.finish().ok());
  EXPECT_EQ(batch.life_of(1), kWholeLife);
  EXPECT_EQ(batch.life_of(5), kWholeLife);
  for (const std::uint32_t number : {2U, 3U, 4U}) EXPECT_EQ(batch.life_of(number), Life{Kind::kFailed});
  EXPECT_EQ(batch.failure_code(2), StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(batch.failure_code(3), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(batch.failure_code(4), StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(batch.told(4, Kind::kFailed)->failed().message().find("StreamAudio"), std::string::npos);
}

TEST_F(BatchTest, NumbersOutOfTurnEndTheCall) {
  BatchClient skipping(audio());
  ASSERT_TRUE(skipping.open(1, audio_config("a")).chunk(1, noise(320)).send());
  ASSERT_TRUE(skipping.open(3, audio_config("c")).send());
  const grpc::Status status = skipping.finish();
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message().find("the next number is 2"), std::string::npos) << status.error_message();
  EXPECT_EQ(skipping.ended(1).reason(), v1::END_REASON_SOURCE_LOST);
  EXPECT_EQ(skipping.ended(1).totals().accepted_samples(), 320);

  BatchClient again(audio());
  again.open(1, audio_config("d")).open(1, audio_config("e")).send();
  EXPECT_EQ(again.finish().error_code(), StatusCode::INVALID_ARGUMENT);

  for (const std::uint32_t number : {0U, 2U}) {
    BatchClient unknown(audio());
    unknown.open(1, audio_config("f" + std::to_string(number))).chunk(number, noise(320)).send();
    EXPECT_EQ(unknown.finish().error_code(), StatusCode::INVALID_ARGUMENT);
    BatchClient closing(audio());
    closing.open(1, audio_config("g" + std::to_string(number))).close(number).send();
    EXPECT_EQ(closing.finish().error_code(), StatusCode::INVALID_ARGUMENT);
  }
}

TEST_F(BatchTest, RefusesMessagesThatAreTooLarge) {
  BatchClient loud(audio());
  loud.open(1, audio_config("a"));
  for (int i = 0; i < 4; ++i) loud.chunk(1, std::string(250'002, '\0'));
  loud.send();
  grpc::Status status = loud.finish();
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message().find("1000000"), std::string::npos) << status.error_message();

  BatchClient crumbs(audio());
  crumbs.open(1, audio_config("b"));
  for (int i = 0; i < 8'000; ++i) crumbs.chunk(1, "");
  crumbs.send();
  status = crumbs.finish();
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message().find("8000"), std::string::npos) << status.error_message();
}

TEST_F(BatchTest, TakesTheLargestMessage) {
  BatchClient batch(audio());
  batch.open(1, audio_config("a"));
  for (int i = 0; i < 4; ++i) batch.chunk(1, std::string(250'000, '\0'));
  ASSERT_TRUE(batch.send());
  batch.half_close();
  EXPECT_TRUE(batch.finish().ok());
  EXPECT_EQ(batch.ended(1).totals().offered_samples(), 500'000);  // far more than there is room for
}

TEST_F(BatchTest, ClosesOneAndOpensAnotherOfTheSameId) {
  BatchClient batch(audio());
  ASSERT_TRUE(batch.open(1, audio_config("a")).open(2, audio_config("b")).chunk(1, noise(320)).close(1).send());
  ASSERT_TRUE(batch.receive_until(1, Kind::kEnded));
  EXPECT_EQ(batch.ended(1).reason(), v1::END_REASON_COMPLETED);
  EXPECT_EQ(batch.ended(1).totals().accepted_samples(), 320);
  wait_until_ended("a");
  ASSERT_TRUE(batch.open(3, audio_config("a")).chunk(3, noise(160)).send());
  ASSERT_TRUE(batch.receive_until(3, Kind::kStarted));
  EXPECT_NE(batch.told(3, Kind::kStarted)->started().streams(0).epoch(),
            batch.told(1, Kind::kStarted)->started().streams(0).epoch());
  batch.half_close();
  EXPECT_TRUE(batch.finish().ok());
  EXPECT_EQ(batch.ended(3).totals().accepted_samples(), 160);
}

TEST_F(BatchTest, ACancelledCallLosesAllItsStreams) {
  BatchClient batch(audio());
  ASSERT_TRUE(batch.open(1, audio_config("a")).open(2, audio_config("b")).send());
  ASSERT_TRUE(batch.receive_until(2, Kind::kStarted));
  Subscriber first(features(), from_start("a"));
  Subscriber second(features(), from_start("b"));
  v1::SubscribeResponse response;
  ASSERT_TRUE(first.receive(response));
  ASSERT_TRUE(second.receive(response));
  batch.cancel();
  EXPECT_EQ(batch.finish().error_code(), StatusCode::CANCELLED);
  for (Subscriber* subscriber : {&first, &second}) {
    Reading reading;
    EXPECT_TRUE(subscriber->finish(&reading).ok());
    EXPECT_EQ(reading.end.reason(), v1::END_REASON_SOURCE_LOST);
  }
}

TEST_F(BatchTest, GivesOneStreamToWhoTakesItOver) {
  BatchClient batch(audio());
  ASSERT_TRUE(batch.open(1, audio_config("a")).open(2, audio_config("b")).send());
  ASSERT_TRUE(batch.receive_until(2, Kind::kStarted));
  v1::AudioConfig takeover = audio_config("a");
  takeover.set_takeover(true);
  Publisher other(audio());
  other.open(takeover);
  ASSERT_TRUE(batch.receive_until(1, Kind::kEnded));
  EXPECT_EQ(batch.life_of(1), kFailedLife);
  EXPECT_EQ(batch.failure_code(1), StatusCode::ABORTED);
  EXPECT_EQ(batch.ended(1).reason(), v1::END_REASON_TAKEN_OVER);

  // Back from that call, and from another stream of this one; twice in one message.
  ASSERT_TRUE(batch.open(3, takeover).open(4, takeover).chunk(4, noise(320)).send());
  EXPECT_EQ(other.finish().error_code(), StatusCode::ABORTED);
  batch.half_close();
  EXPECT_TRUE(batch.finish().ok());
  EXPECT_EQ(batch.life_of(3), kFailedLife);
  EXPECT_EQ(batch.ended(3).reason(), v1::END_REASON_TAKEN_OVER);
  EXPECT_EQ(batch.ended(4).totals().accepted_samples(), 320);
  EXPECT_EQ(batch.life_of(2), kWholeLife);
}

TEST_F(BatchTest, SplitsChannels) {
  BatchClient batch(audio());
  v1::AudioConfig stereo = audio_config("call");
  stereo.set_audio_channel_count(2);
  stereo.set_channel_mode(v1::CHANNEL_MODE_SPLIT);
  ASSERT_TRUE(batch.open(1, stereo).chunk(1, noise(640)).send());
  batch.half_close();
  EXPECT_TRUE(batch.finish().ok());
  const v1::StreamStarted& started = batch.told(1, Kind::kStarted)->started();
  ASSERT_EQ(started.streams_size(), 2);
  EXPECT_EQ(started.streams(1).stream(), "call.1");
  EXPECT_EQ(batch.ended(1).totals().accepted_samples(), 320);
}

TEST_F(BatchTest, CountsLossesByReasonAndConcealsShortOnes) {
  BatchClient batch(audio());
  v1::AudioConfig held = audio_config("held");
  held.set_conceal(v1::CONCEAL_HOLD);
  batch.open(1, held).open(2, audio_config("plain"));
  for (const std::uint32_t number : {1U, 2U}) {
    batch.chunk(number, noise(1'600)).lose(number, 200, v1::GAP_REASON_LATE).chunk(number, noise(1'600));
    batch.lose(number, 800, v1::GAP_REASON_UNSPECIFIED).chunk(number, noise(1'600));
  }
  ASSERT_TRUE(batch.send());
  batch.half_close();
  EXPECT_TRUE(batch.finish().ok());
  for (const std::uint32_t number : {1U, 2U}) {
    const v1::StreamProgress totals = batch.ended(number).totals();
    EXPECT_EQ(totals.offered_samples(), 5'800);
    EXPECT_EQ(totals.accepted_samples(), 4'800);
    EXPECT_EQ(totals.dropped_samples(), 1'000);
    EXPECT_EQ(totals.concealed_samples(), number == 1 ? 200 : 0);
    EXPECT_EQ(totals.gap_samples(), number == 1 ? 800 : 1'000);
    EXPECT_EQ(totals.timeline_samples(), 5'800);
    ASSERT_EQ(totals.losses_size(), 2);
    EXPECT_EQ(totals.losses(0).reason(), v1::GAP_REASON_NET_LOSS);
    EXPECT_EQ(totals.losses(0).samples(), 800);
    EXPECT_EQ(totals.losses(1).reason(), v1::GAP_REASON_LATE);
    EXPECT_EQ(totals.losses(1).samples(), 200);
  }
}

TEST_F(BatchTest, RefusesLossesThatCannotBe) {
  BatchClient batch(audio());
  batch.open(1, audio_config("a")).open(2, audio_config("b")).open(3, audio_config("c"));
  batch.lose(1, -1, v1::GAP_REASON_LATE).lose(2, 86'400LL * 16'000 + 1, v1::GAP_REASON_LATE);
  batch.lose(3, 160, v1::GAP_REASON_SUBSCRIBER_SLOW);
  ASSERT_TRUE(batch.send());
  batch.half_close();
  EXPECT_TRUE(batch.finish().ok());
  for (const std::uint32_t number : {1U, 2U, 3U}) {
    EXPECT_EQ(batch.failure_code(number), StatusCode::INVALID_ARGUMENT) << number;
    EXPECT_EQ(batch.ended(number).totals().offered_samples(), 0);
  }
}

TEST_F(BatchTest, GoesOnWhenManyUpdatesAreNotReadForLong) {
  BatchClient batch(audio());
  constexpr std::uint32_t kStreams = 32'000;
  for (std::uint32_t number = 1; number <= kStreams; ++number) {
    batch.open(number, audio_config("no id"));
    if (number % 8'000 == 0) {
      ASSERT_TRUE(batch.send());
    }
  }
  batch.half_close();
  EXPECT_TRUE(batch.finish().ok());
  EXPECT_EQ(batch.failure_code(1), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(batch.failure_code(kStreams), StatusCode::INVALID_ARGUMENT);
}

TEST_F(BatchTest, ADrainEndsAllStreams) {
  BatchClient batch(audio());
  ASSERT_TRUE(batch.open(1, audio_config("a")).open(2, audio_config("b")).chunk(2, noise(320)).send());
  ASSERT_TRUE(batch.receive_until(2, Kind::kStarted));
  EXPECT_TRUE(server().drain(kCallDeadline));
  EXPECT_EQ(batch.finish().error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(batch.ended(1).reason(), v1::END_REASON_SHUTDOWN);
  EXPECT_EQ(batch.ended(2).reason(), v1::END_REASON_SHUTDOWN);
}

class ImpatientBatchTest : public BatchTest {
 protected:
  ImpatientBatchTest()
      : BatchTest(
            {.registry = {.max_streams = 2}, .server = {.publisher_idle_timeout = std::chrono::milliseconds(2'500)}}) {}
};

TEST_F(ImpatientBatchTest, EndsTheStreamThatNothingComesFor) {
  BatchClient batch(audio());
  ASSERT_TRUE(batch.open(1, audio_config("a")).open(2, audio_config("b")).open(3, audio_config("c")).send());
  ASSERT_TRUE(batch.receive_until(3, Kind::kFailed));
  EXPECT_EQ(batch.failure_code(3), StatusCode::RESOURCE_EXHAUSTED);
  // Progress comes once a second of those that get audio.
  std::int64_t n_samples = 0;
  while (batch.told(1, Kind::kEnded) == nullptr) {
    ASSERT_TRUE(batch.chunk(2, noise(160)).send());
    n_samples += 160;
    ASSERT_TRUE(batch.receive_progress(2, n_samples));
  }
  EXPECT_EQ(batch.life_of(1), kFailedLife);
  EXPECT_EQ(batch.failure_code(1), StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(batch.ended(1).reason(), v1::END_REASON_SOURCE_LOST);
  batch.half_close();
  EXPECT_TRUE(batch.finish().ok());
  EXPECT_EQ(batch.life_of(2), kWholeLife);
  EXPECT_EQ(batch.ended(2).totals().accepted_samples(), n_samples);
}

/// An ingest that has no room for its end the first times it is asked.
class CrampedIngest final : public core::PcmIngest {
 public:
  bool has_room(std::size_t n_bytes) noexcept override { return n_bytes > 0 || ++n_asked_ > 3; }
  void push(std::span<const std::byte> bytes, const core::AudioTime& /*time*/) override {
    counters_.accepted += static_cast<std::int64_t>(bytes.size() / 2);
    counters_.offered = counters_.accepted;
  }
  void lose(std::int64_t /*n_source*/, core::GapReason /*reason*/) noexcept override {}
  void push_suppressed(std::int64_t /*n_source*/, const core::AudioTime& /*time*/) noexcept override {}
  void finish(core::EndReason reason) noexcept override {
    for (core::AudioFeed* feed : feeds_) feed->finish(reason);
  }
  core::IngestCounters counters() const noexcept override { return counters_; }

  explicit CrampedIngest(std::vector<core::AudioFeed*> feeds) : feeds_(std::move(feeds)) {}

 private:
  std::vector<core::AudioFeed*> feeds_;
  core::IngestCounters counters_;
  int n_asked_ = 0;
};

class CrampedBatchTest : public BatchTest {
 protected:
  CrampedBatchTest()
      : BatchTest({.make_ingest = [](const core::PcmFormat&, std::vector<core::AudioFeed*> feeds, core::Conceal) {
          return std::make_unique<CrampedIngest>(std::move(feeds));
        }}) {}
};

TEST_F(CrampedBatchTest, AnEndWaitsForItsRoom) {
  BatchClient batch(audio());
  batch.open(1, audio_config("a")).open(2, audio_config("b")).open(3, audio_config("c"));
  ASSERT_TRUE(batch.chunk(1, noise(320)).close(1).close(2).send());
  ASSERT_TRUE(batch.receive_until(1, Kind::kEnded));
  ASSERT_TRUE(batch.receive_until(2, Kind::kEnded));
  batch.half_close();
  EXPECT_TRUE(batch.finish().ok());
  for (const std::uint32_t number : {1U, 2U, 3U}) {
    EXPECT_EQ(batch.life_of(number), kWholeLife);
    EXPECT_EQ(batch.ended(number).reason(), v1::END_REASON_COMPLETED);
  }
  EXPECT_EQ(batch.ended(1).totals().accepted_samples(), 320);
}

}  // namespace
}  // namespace melstream::test
