// Resuming: another subscription goes on with the very bytes that the first would have had, or is told that it cannot.
#include <algorithm>
#include <cctype>

#include "tests/rpc/server_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace melstream::test {
namespace {

/// A response without what depends on the moment of sending.
std::string content_of(v1::SubscribeResponse response) {
  if (response.has_block()) response.mutable_block()->clear_received_time_ns();
  return response.SerializeAsString();
}

std::string token_of(const v1::SubscribeResponse& response) {
  if (response.has_start()) return response.start().resume_token();
  if (response.has_block()) return response.block().resume_token();
  if (response.has_gap()) return response.gap().resume_token();
  if (response.has_discontinuity()) return response.discontinuity().resume_token();
  return {};
}

class ResumeTest : public ServerTest {
 protected:
  ResumeTest() = default;
  explicit ResumeTest(const FixtureOptions& options) : ServerTest(options) {}

  /// An ended stream with gaps, a discontinuity in the grid, and concealed samples.
  void publish_holes(const std::string& stream) {
    Publisher publisher(audio());
    v1::AudioConfig config = audio_config(stream);
    config.set_conceal(v1::CONCEAL_HOLD);
    publisher.open(config);
    Subscriber holds_front_end(features(), subscribe_config(stream));
    v1::SubscribeResponse response;
    ASSERT_TRUE(holds_front_end.receive_until(v1::SubscribeResponse::kStart, response));
    std::uint32_t seed = 1;
    for (const std::int64_t n_lost : {0, 5'000, 100, 1'000, 401, 3'000}) {
      v1::StreamAudioRequest request;
      request.mutable_audio()->set_lost_samples(n_lost);
      request.mutable_audio()->set_content(as_bytes(pcm_noise(6'400 + 777 * seed, seed)));
      ASSERT_TRUE(publisher.send(request));
      ++seed;
    }
    publisher.half_close();
    ASSERT_TRUE(publisher.finish().ok());
    wait_until_ended(stream);
  }
  std::vector<v1::SubscribeResponse> read_all(const v1::SubscribeConfig& config) {
    Subscriber subscriber(features(), config);
    std::vector<v1::SubscribeResponse> responses;
    for (v1::SubscribeResponse response; subscriber.receive(response);) {
      if (!response.has_heartbeat()) responses.push_back(response);
    }
    EXPECT_TRUE(subscriber.finish().ok());
    return responses;
  }
  grpc::Status refusal_of(const v1::SubscribeConfig& config) {
    Subscriber subscriber(features(), config);
    return subscriber.finish();
  }
  std::string any_token(const std::string& stream) {
    Subscriber subscriber(features(), subscribe_config(stream));
    v1::SubscribeResponse response;
    EXPECT_TRUE(subscriber.receive_until(v1::SubscribeResponse::kStart, response));
    return token_of(response);
  }
};

TEST_F(ResumeTest, GoesOnBehindEveryResponseWithTheSameBytes) {
  publish_holes("call");
  for (const v1::Normalization normalization : {v1::NORMALIZATION_NONE, v1::NORMALIZATION_RUNNING_MAX}) {
    v1::SubscribeConfig config = subscribe_config("call");
    config.mutable_features()->set_normalization(normalization);
    config.mutable_features()->set_element_type(v1::ELEMENT_TYPE_FLOAT16);
    config.mutable_features()->set_layout(v1::LAYOUT_MEL_MAJOR);
    config.set_block_frames(7);
    config.set_frame(3);  // so that the first block is a short one
    const auto all = read_all(config);
    ASSERT_GT(all.size(), 15U);
    int n_gaps = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      n_gaps += all[i].has_gap() || all[i].has_discontinuity() ? 1 : 0;
      const std::string token = token_of(all[i]);
      ASSERT_EQ(token.empty(), all[i].has_end()) << i;
      if (token.empty()) continue;
      config.set_resume_token(token);
      const auto rest = read_all(config);
      ASSERT_EQ(rest.size(), all.size() - i) << i;
      ASSERT_TRUE(rest.front().has_start());
      EXPECT_EQ(rest.front().start().epoch(), all.front().start().epoch());
      EXPECT_EQ(rest.front().start().resume_token(), token);
      for (std::size_t k = 1; k < rest.size(); ++k) ASSERT_EQ(content_of(rest[k]), content_of(all[i + k])) << i << k;
    }
    EXPECT_GE(n_gaps, 3);
  }
}

TEST_F(ResumeTest, AnOldLifeIsReadToItsEndEvenWhileTheIdLivesAgain) {
  Publisher first(audio());
  const std::uint64_t epoch = first.open(audio_config("mic")).streams(0).epoch();
  const std::string token = any_token("mic");
  ASSERT_TRUE(first.send(as_bytes(pcm_noise(8'000, 1))));
  ASSERT_TRUE(eventually([&] { return registry().find("mic")->seen() == 8'000; }));
  Publisher second(audio());
  v1::AudioConfig takeover = audio_config("mic");
  takeover.set_takeover(true);
  second.open(takeover);
  v1::SubscribeConfig config = subscribe_config("mic");
  config.set_resume_token(token);
  const auto rest = read_all(config);
  ASSERT_TRUE(rest.front().has_start());
  EXPECT_EQ(rest.front().start().epoch(), epoch);
  ASSERT_TRUE(rest.back().has_end());
  EXPECT_EQ(rest.back().end().reason(), v1::END_REASON_TAKEN_OVER);
  EXPECT_EQ(rest.back().end().next_frame(), 50);
}

TEST_F(ResumeTest, WhatWasNeverGivenIsAnsweredAsWhatIsForgotten) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  std::string token = any_token("mic");
  for (const char* const stream : {"mic", "nobody"}) {
    v1::SubscribeConfig config = subscribe_config(stream);
    std::string forged = token;
    forged.back() = static_cast<char>(forged.back() ^ 1);
    config.set_resume_token(forged);
    const grpc::Status status = refusal_of(config);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_EQ(status.error_message().rfind("EPOCH_CHANGED", 0), 0U) << status.error_message();
  }
}

TEST_F(ResumeTest, AMistakenTokenIsRefusedWithItsField) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  Publisher other(audio());
  other.open(audio_config("other"));
  const std::string token = any_token("mic");
  const auto expect_refused = [&](v1::SubscribeConfig config, const std::string& field) {
    const grpc::Status status = refusal_of(config);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
    EXPECT_EQ(status.error_message().rfind(field, 0), 0U) << status.error_message();
  };
  v1::SubscribeConfig config = subscribe_config("mic");
  config.set_resume_token(token.substr(0, token.size() / 2));
  expect_refused(config, "resume_token");
  config = subscribe_config("other");
  config.set_resume_token(token);
  expect_refused(config, "resume_token");
  config = subscribe_config("mic");
  config.set_resume_token(token);
  config.mutable_features()->set_front_end("kaldi-80");
  expect_refused(config, "resume_token");
  config = subscribe_config("");
  config.mutable_streams()->mutable_all();
  config.set_resume_token(token);
  expect_refused(config, "resume_token");
  config = subscribe_config("mic");
  config.add_resume_tokens(token);
  expect_refused(config, "resume_tokens");
  config = subscribe_config("");
  config.mutable_streams()->mutable_all();
  config.add_resume_tokens("x");
  expect_refused(config, "resume_token");
}

class ShortResumeTest : public ResumeTest {
 protected:
  ShortResumeTest()
      : ResumeTest(
            {.registry = {.max_streams = 4, .history_s = 0.5, .audio_history_s = 0, .always = {}}, .server = {}}) {}
};

TEST_F(ShortResumeTest, WhatIsGoneIsAGap) {
  Publisher publisher(audio());
  publisher.open(audio_config("clip", v1::PACING_FAST));
  const std::string token = any_token("clip");
  v1::SubscribeConfig config = subscribe_config("clip");
  config.set_frame(0);
  config.set_slow_policy(v1::SLOW_POLICY_BLOCK);
  Subscriber first(features(), config);
  v1::SubscribeResponse response;
  ASSERT_TRUE(first.receive_until(v1::SubscribeResponse::kStart, response));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(8'000, 12))));
  Reading all;
  while (all.n_frames() < 190 && first.receive(response)) all.take(response);
  v1::SubscribeConfig resumed = subscribe_config("clip");
  resumed.set_resume_token(token);
  Subscriber late(features(), resumed);
  publisher.half_close();
  Reading reading;
  EXPECT_TRUE(late.finish(&reading).ok());
  ASSERT_FALSE(reading.gaps.empty());
  EXPECT_EQ(reading.gaps[0].first_frame(), 0);
  EXPECT_EQ(reading.gaps[0].reason(), v1::GAP_REASON_HISTORY_EVICTED);
  std::int64_t n_gapped = 0;  // the stream's last rows may push out some more while it reads
  for (const v1::Gap& gap : reading.gaps) n_gapped += gap.frame_count();
  EXPECT_EQ(n_gapped + reading.n_frames(), 200);
}

TEST_F(ShortResumeTest, AReaderThatIsLetGoGetsATokenToGoOnWith) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  v1::SubscribeConfig config = subscribe_config("mic");
  config.set_slow_policy(v1::SLOW_POLICY_DISCONNECT);
  config.set_block_frames(1000);  // so that it holds more than the history does
  config.set_max_delay_ms(10'000);
  Subscriber slow(features(), config);
  v1::SubscribeResponse response;
  ASSERT_TRUE(slow.receive_until(v1::SubscribeResponse::kStart, response));
  const std::int64_t first_frame = response.start().first_frame();
  // A first block goes out at the end of a segment; then frames are overwritten before they fill another.
  v1::StreamAudioRequest request;
  request.mutable_audio()->set_content(as_bytes(pcm_noise(1'600, 1)));
  ASSERT_TRUE(publisher.send(request));
  request.mutable_audio()->set_lost_samples(1'600);
  ASSERT_TRUE(publisher.send(request));
  std::int64_t next = first_frame;
  while (next == first_frame && slow.receive(response)) {
    if (response.has_block()) next = response.block().first_frame() + response.block().frame_count();
  }
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(1'600, 2))));
  Reading reading;
  const grpc::Status status = slow.finish(&reading);
  ASSERT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
  v1::SubscribeErrorDetail detail;
  ASSERT_TRUE(detail.ParseFromString(status.error_details()));
  config.set_slow_policy(v1::SLOW_POLICY_DROP_OLDEST);
  config.set_block_frames(4);
  config.set_resume_token(detail.resume_token());
  Subscriber again(features(), config);
  publisher.half_close();
  Reading rest;
  EXPECT_TRUE(again.finish(&rest).ok());
  ASSERT_FALSE(rest.gaps.empty());
  EXPECT_EQ(rest.gaps[0].reason(), v1::GAP_REASON_HISTORY_EVICTED);
}

}  // namespace
}  // namespace melstream::test
