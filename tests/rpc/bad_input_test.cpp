// What clients get wrong: each gets a clear error that names the field, and nobody else loses anything.
#include "tests/rpc/server_fixture.hpp"

namespace melstream::test {
namespace {

using grpc::StatusCode;

class BadInputTest : public ServerTest {
 protected:
  void expect_refused(const v1::AudioConfig& config, StatusCode code, const std::string& field) {
    Publisher publisher(audio());
    publisher.send(config);
    const grpc::Status status = publisher.finish();
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_NE(status.error_message().find(field), std::string::npos) << status.error_message();
  }
  void expect_refused(const v1::SubscribeConfig& config, StatusCode code, const std::string& field) {
    Subscriber subscriber(features(), config);
    const grpc::Status status = subscriber.finish();
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_NE(status.error_message().find(field), std::string::npos) << status.error_message();
  }
  /// Sends the requests after a good config; the stream ends as lost, the call with INVALID_ARGUMENT.
  void expect_lost(const std::vector<v1::StreamAudioRequest>& requests, const std::string& text) {
    const v1::AudioConfig config = audio_config("mic" + std::to_string(n_streams_++));
    Publisher publisher(audio());
    publisher.open(config);
    for (const auto& request : requests) publisher.send(request);
    v1::StreamEnded ended;
    const grpc::Status status = publisher.finish(&ended);
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT) << status.error_message();
    EXPECT_NE(status.error_message().find(text), std::string::npos) << status.error_message();
    EXPECT_EQ(ended.reason(), v1::END_REASON_SOURCE_LOST);
    wait_until_ended(config.stream());
  }
  static v1::StreamAudioRequest chunk(std::size_t n_bytes) {
    v1::StreamAudioRequest request;
    request.mutable_audio()->set_content(std::string(n_bytes, '\1'));
    return request;
  }

 private:
  int n_streams_ = 0;
};

TEST_F(BadInputTest, RefusesFormatsThatAreNone) {
  const auto with = [](auto change) {
    v1::AudioConfig config = audio_config("mic");
    change(config);
    return config;
  };
  const auto invalid = StatusCode::INVALID_ARGUMENT;
  for (const char* id : {"", "a b", "a/b", "ä"}) {
    expect_refused(with([&](auto& config) { config.set_stream(id); }), invalid, "stream");
  }
  expect_refused(with([](auto& config) { config.set_stream(std::string(65, 'x')); }), invalid, "stream");
  expect_refused(with([](auto& config) { config.set_audio_channel_count(0); }), invalid, "audio_channel_count");
  expect_refused(with([](auto& config) { config.set_audio_channel_count(9); }), invalid, "audio_channel_count");
  expect_refused(with([](auto& config) { config.set_sample_rate_hertz(7999); }), invalid, "sample_rate_hertz");
  expect_refused(with([](auto& config) { config.set_sample_rate_hertz(192001); }), invalid, "sample_rate_hertz");
  expect_refused(with([](auto& config) { config.set_encoding(v1::AUDIO_ENCODING_UNSPECIFIED); }), invalid, "encoding");
  expect_refused(with([](auto& config) { config.set_encoding(static_cast<v1::AudioEncoding>(99)); }), invalid,
                 "encoding");
  expect_refused(with([](auto& config) { config.set_channel_mode(static_cast<v1::ChannelMode>(99)); }), invalid,
                 "channel_mode");
  expect_refused(with([](auto& config) { config.set_pacing(static_cast<v1::Pacing>(99)); }), invalid, "pacing");
  expect_refused(with([](auto& config) {
                   config.set_channel_mode(v1::CHANNEL_MODE_INDEX);
                   config.set_channel_index(1);
                 }),
                 invalid, "channel_index");
  expect_refused(with([](auto& config) {
                   config.mutable_labels()->insert({"room", std::string(300, 'x')});
                 }),
                 invalid, "labels");
  expect_refused(with([](auto& config) {
                   for (int i = 0; i < 33; ++i) config.mutable_labels()->insert({std::to_string(i), std::string("v")});
                 }),
                 invalid, "labels");
}

TEST_F(BadInputTest, RefusesAudioThatDoesNotFitItsFormat) {
  expect_lost({chunk(3)}, "whole number of samples");
  expect_lost({chunk(1'600), chunk(256'002)}, "256000");
  v1::StreamAudioRequest second_config;
  *second_config.mutable_config() = audio_config("mic");
  second_config.mutable_config()->set_sample_rate_hertz(8000);
  expect_lost({chunk(1'600), second_config}, "second config");
  expect_lost({v1::StreamAudioRequest()}, "empty request");
}

TEST_F(BadInputTest, AsksForTheConfigFirst) {
  Publisher audio_first(audio());
  audio_first.send(std::string(320, '\0'));
  EXPECT_EQ(audio_first.finish().error_code(), StatusCode::INVALID_ARGUMENT);
  Publisher nothing(audio());
  nothing.half_close();
  EXPECT_EQ(nothing.finish().error_code(), StatusCode::INVALID_ARGUMENT);
  Subscriber empty(features());
  empty.send({});
  EXPECT_EQ(empty.finish().error_code(), StatusCode::INVALID_ARGUMENT);
  Subscriber closed(features());
  closed.half_close();
  EXPECT_EQ(closed.finish().error_code(), StatusCode::INVALID_ARGUMENT);
}

TEST_F(BadInputTest, EndsAnEmptyStreamWithoutFrames) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  v1::SubscribeConfig config = subscribe_config("mic");
  Subscriber subscriber(features(), config);
  v1::SubscribeResponse response;
  ASSERT_TRUE(subscriber.receive_until(v1::SubscribeResponse::kStart, response));
  publisher.half_close();
  Reading reading;
  EXPECT_TRUE(subscriber.finish(&reading).ok());
  EXPECT_TRUE(reading.blocks.empty());
  EXPECT_TRUE(reading.gaps.empty());
  EXPECT_EQ(reading.end.next_frame(), 0);
  EXPECT_EQ(reading.end.reason(), v1::END_REASON_COMPLETED);
  EXPECT_TRUE(publisher.finish().ok());
}

TEST_F(BadInputTest, RefusesSubscriptionsThatCannotBe) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  const auto with = [](auto change) {
    v1::SubscribeConfig config = subscribe_config("mic");
    change(config, *config.mutable_features());
    return config;
  };
  const auto invalid = StatusCode::INVALID_ARGUMENT;
  expect_refused(subscribe_config("nobody"), StatusCode::NOT_FOUND, "nobody");
  expect_refused(with([](auto&, auto& f) { f.set_front_end("whisper-81"); }), StatusCode::NOT_FOUND, "whisper-80");
  expect_refused(with([](auto&, auto& f) { f.set_front_end(""); }), invalid, "front_end");
  expect_refused(with([](auto&, auto& f) { f.set_spec_sha256("00"); }), StatusCode::FAILED_PRECONDITION,
                 catalog().find("whisper-80")->sha256());
  expect_refused(with([](auto& config, auto&) { config.set_block_frames(-1); }), invalid, "block_frames");
  expect_refused(with([](auto& config, auto&) { config.set_block_frames(1001); }), invalid, "block_frames");
  expect_refused(with([](auto& config, auto&) { config.set_max_delay_ms(10'001); }), invalid, "max_delay_ms");
  expect_refused(with([](auto& config, auto&) { config.set_frame(-1); }), invalid, "frame");
  expect_refused(with([](auto& config, auto&) { config.set_seconds_back(-0.5); }), invalid, "seconds_back");
  expect_refused(with([](auto& config, auto&) { config.set_slow_policy(v1::SLOW_POLICY_BLOCK); }), invalid,
                 "slow_policy");
  for (const auto normalization : {v1::NORMALIZATION_WHISPER_WINDOW, v1::NORMALIZATION_PER_FEATURE_WINDOW}) {
    expect_refused(with([&](auto&, auto& f) { f.set_normalization(normalization); }), invalid, "GetWindow");
  }
  expect_refused(with([](auto&, auto& f) { f.set_normalization(v1::NORMALIZATION_FIXED_MAX); }), invalid, "fixed_max");
  for (const auto normalization : {v1::NORMALIZATION_RUNNING_MAX, v1::NORMALIZATION_FIXED_MAX}) {
    expect_refused(with([&](auto&, auto& f) {
                     f.set_front_end("kaldi-80");
                     f.set_fixed_max(1);
                     f.set_normalization(normalization);
                   }),
                   invalid, "normalization");
  }
  expect_refused(with([](auto&, auto& f) {
                   f.set_front_end("mfcc-13");
                   f.set_smoothing(v1::SMOOTHING_BOX3X3);
                 }),
                 invalid, "smoothing");
  expect_refused(with([](auto&, auto& f) { f.set_layout(static_cast<v1::Layout>(9)); }), invalid, "layout");
  expect_refused(with([](auto&, auto& f) { f.set_element_type(static_cast<v1::ElementType>(9)); }), invalid,
                 "element_type");
  expect_refused(with([](auto&, auto& f) {
                   f.mutable_cmvn()->add_shift(1);
                   f.mutable_cmvn()->add_scale(1);
                 }),
                 invalid, "cmvn");
}

TEST_F(BadInputTest, RefusesASecondConfigOfASubscription) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  Subscriber subscriber(features(), subscribe_config("mic"));
  v1::SubscribeRequest request;
  *request.mutable_config() = subscribe_config("mic");
  subscriber.send(request);
  EXPECT_EQ(subscriber.finish().error_code(), StatusCode::INVALID_ARGUMENT);
}

TEST_F(BadInputTest, KeepsOtherStreamsWhole) {
  const auto samples = pcm_noise(16'000, 1);
  Publisher good(audio());
  good.open(audio_config("good"));
  v1::SubscribeConfig config = subscribe_config("good");
  config.set_frame(0);
  Subscriber subscriber(features(), config);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(good.send(as_bytes({samples.begin() + i * 1'600, samples.begin() + (i + 1) * 1'600})));
    expect_lost({chunk(320), chunk(5)}, "whole number of samples");
  }
  good.half_close();
  Reading reading;
  EXPECT_TRUE(subscriber.finish(&reading).ok());
  EXPECT_TRUE(reading.gaps.empty());
  EXPECT_EQ(reading.values(), offline(as_floats(samples), "whisper-80"));
  EXPECT_TRUE(good.finish().ok());
}

class IdlePublisherTest : public ServerTest {
 protected:
  IdlePublisherTest()
      : ServerTest(
            {.registry = {.max_streams = 4}, .server = {.publisher_idle_timeout = std::chrono::milliseconds(50)}}) {}
};

TEST_F(IdlePublisherTest, EndsAPublisherThatSaysNothing) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  v1::StreamEnded ended;
  EXPECT_EQ(publisher.finish(&ended).error_code(), StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(ended.reason(), v1::END_REASON_SOURCE_LOST);
}

class FewStreamsTest : public ServerTest {
 protected:
  FewStreamsTest() : ServerTest({.registry = {.max_streams = 2}, .server = {.max_subscriptions = 1}}) {}
};

TEST_F(FewStreamsTest, RefusesMoreThanItsLimits) {
  Publisher first(audio());
  first.open(audio_config("a"));
  Publisher second(audio());
  second.open(audio_config("b"));
  Publisher third(audio());
  v1::StreamAudioRequest request;
  *request.mutable_config() = audio_config("c");
  static_cast<void>(third.send(request));  // it may be refused before it is sent
  EXPECT_EQ(third.finish().error_code(), StatusCode::RESOURCE_EXHAUSTED);

  Subscriber reader(features(), subscribe_config("a"));
  v1::SubscribeResponse response;
  ASSERT_TRUE(reader.receive(response));
  Subscriber refused(features(), subscribe_config("a"));
  EXPECT_EQ(refused.finish().error_code(), StatusCode::RESOURCE_EXHAUSTED);
  ASSERT_TRUE(first.send(as_bytes(pcm_noise(1'600, 1))));
  EXPECT_TRUE(reader.receive_until(v1::SubscribeResponse::kBlock, response));
}

}  // namespace
}  // namespace melstream::test
