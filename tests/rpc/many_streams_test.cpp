// Subscriptions to many streams: each stream tiles as if it were alone, those to come join, and mistakes are one's own.
#include <map>
#include <set>

#include "tests/rpc/batch_client.hpp"
#include "tests/rpc/server_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace melstream::test {
namespace {

v1::SubscribeConfig many_config() {
  v1::SubscribeConfig config = subscribe_config("");
  config.mutable_streams()->mutable_all();
  return config;
}

v1::SubscribeConfig labelled_config(const std::string& labels) {
  v1::SubscribeConfig config = subscribe_config("");
  config.mutable_streams()->set_labels(labels);
  return config;
}

/// What a subscription to many brought, by stream.
struct ManyReadings {
  std::map<std::string, Reading> by_stream;
  std::vector<v1::SubscribeFailure> failures;
  int n_heartbeats = 0;
  bool waited = false;
  std::size_t most_streams_in_a_message = 0;

  void take(const v1::SubscribeResponse& response) {
    if (response.has_heartbeat()) {
      ++n_heartbeats;
      waited = waited || response.heartbeat().waiting_for_stream();
      return;
    }
    ASSERT_TRUE(response.has_batch());
    std::set<std::string> streams;
    for (const v1::SubscribeResponse& one : response.batch().responses()) {
      if (one.has_failure()) failures.push_back(one.failure());
      const std::string id = id_of(one);
      streams.insert(id);
      by_stream[id].take(one);
    }
    most_streams_in_a_message = std::max(most_streams_in_a_message, streams.size());
  }
  std::size_t n_ended() const {
    std::size_t n = 0;
    for (const auto& [id, reading] : by_stream) n += reading.has_end ? 1 : 0;
    return n;
  }
  static std::string id_of(const v1::SubscribeResponse& one) {
    if (one.has_start()) return one.start().stream();
    if (one.has_block()) return one.block().stream();
    if (one.has_gap()) return one.gap().stream();
    if (one.has_discontinuity()) return one.discontinuity().stream();
    if (one.has_failure()) return one.failure().stream();
    return one.end().stream();
  }
};

class ManyStreamsTest : public ServerTest {
 protected:
  // Computed from the opening on: a stream may come and go before anybody looks.
  ManyStreamsTest() : ServerTest({.registry = {.max_streams = 32, .always = {"whisper-80"}}, .server = {}}) {}

  /// A whole stream of a second, live.
  void publish(const std::string& stream, std::uint32_t seed, const std::map<std::string, std::string>& labels = {}) {
    Publisher publisher(audio());
    v1::AudioConfig config = audio_config(stream);
    config.mutable_labels()->insert(labels.begin(), labels.end());
    publisher.open(config);
    publisher.send(as_bytes(pcm_noise(12'345, seed)));
    publisher.half_close();
    EXPECT_TRUE(publisher.finish().ok());
  }
  void expect_whole(const Reading& reading, std::uint32_t seed) {
    EXPECT_EQ(reading.start.first_frame(), 0);
    EXPECT_EQ(reading.values(), offline(as_floats(pcm_noise(12'345, seed)), "whisper-80"));
    EXPECT_TRUE(reading.gaps.empty());
    EXPECT_EQ(reading.end.reason(), v1::END_REASON_COMPLETED);
  }
  /// Reads until so many streams have ended.
  static void read_ends(Subscriber& subscriber, std::size_t n, ManyReadings& readings) {
    for (v1::SubscribeResponse response; readings.n_ended() < n && subscriber.receive(response);) {
      readings.take(response);
    }
    EXPECT_EQ(readings.n_ended(), n);
  }
};

TEST_F(ManyStreamsTest, StreamsThatAppearLaterJoinFromTheirFirstFrame) {
  Subscriber subscriber(features(), many_config());
  v1::SubscribeResponse response;
  ASSERT_TRUE(subscriber.receive_until(v1::SubscribeResponse::kHeartbeat, response));
  EXPECT_TRUE(response.heartbeat().waiting_for_stream());
  for (std::uint32_t i = 0; i < 5; ++i) publish("call-" + std::to_string(i), i);
  ManyReadings readings;
  read_ends(subscriber, 5, readings);
  for (std::uint32_t i = 0; i < 5; ++i) expect_whole(readings.by_stream["call-" + std::to_string(i)], i);
  subscriber.cancel();
  EXPECT_EQ(subscriber.finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ManyStreamsTest, AnIdThatLivesAgainIsANewEpoch) {
  Subscriber subscriber(features(), many_config());
  v1::SubscribeResponse response;
  ASSERT_TRUE(subscriber.receive_until(v1::SubscribeResponse::kHeartbeat, response));
  std::set<std::uint64_t> epochs;
  for (std::uint32_t i = 0; i < 3; ++i) {
    publish("mic", i);
    ManyReadings readings;
    read_ends(subscriber, 1, readings);
    expect_whole(readings.by_stream["mic"], i);
    epochs.insert(readings.by_stream["mic"].start.epoch());
  }
  EXPECT_EQ(epochs.size(), 3U);
}

TEST_F(ManyStreamsTest, OnlyThoseSelected) {
  Subscriber labelled(features(), labelled_config("site in (a, b), !muted"));
  v1::SubscribeConfig ids = subscribe_config("");
  ids.mutable_streams()->mutable_ids()->add_ids("one");
  ids.mutable_streams()->mutable_ids()->add_ids("four");
  Subscriber by_ids(features(), ids);
  v1::SubscribeResponse response;
  ASSERT_TRUE(labelled.receive_until(v1::SubscribeResponse::kHeartbeat, response));
  ASSERT_TRUE(by_ids.receive_until(v1::SubscribeResponse::kHeartbeat, response));
  publish("one", 1, {{"site", "a"}});
  publish("two", 2, {{"site", "c"}});
  publish("three", 3, {{"site", "b"}, {"muted", "1"}});
  publish("four", 4, {{"site", "b"}});
  for (Subscriber* const subscriber : {&labelled, &by_ids}) {
    ManyReadings readings;
    read_ends(*subscriber, 2, readings);
    ASSERT_EQ(readings.by_stream.size(), 2U);
    expect_whole(readings.by_stream["one"], 1);
    expect_whole(readings.by_stream["four"], 4);
  }
}

TEST_F(ManyStreamsTest, BlocksOfManyStreamsShareAMessage) {
  constexpr int kStreams = 12;
  std::vector<std::unique_ptr<Publisher>> publishers;
  for (int i = 0; i < kStreams; ++i) {
    publishers.push_back(std::make_unique<Publisher>(audio()));
    publishers.back()->open(audio_config("call-" + std::to_string(i)));
  }
  Subscriber subscriber(features(), many_config());
  ManyReadings readings;
  v1::SubscribeResponse response;
  while (readings.by_stream.size() < kStreams && subscriber.receive(response)) readings.take(response);
  for (const auto& publisher : publishers) ASSERT_TRUE(publisher->send(as_bytes(pcm_noise(16'000, 1))));
  for (const auto& publisher : publishers) publisher->half_close();
  read_ends(subscriber, kStreams, readings);
  for (const auto& [id, reading] : readings.by_stream) EXPECT_EQ(reading.n_frames(), 100) << id;
  EXPECT_GT(readings.most_streams_in_a_message, 1U);
}

TEST_F(ManyStreamsTest, EachIsResumedByItsOwnToken) {
  Publisher one(audio());
  one.open(audio_config("one"));
  Publisher two(audio());
  two.open(audio_config("two"));
  std::vector<std::string> tokens;
  {
    Subscriber first(features(), many_config());
    v1::SubscribeResponse response;
    while (tokens.size() < 2 && first.receive(response)) {
      for (const auto& start : response.batch().responses()) tokens.push_back(start.start().resume_token());
    }
  }
  ASSERT_EQ(tokens.size(), 2U);
  for (Publisher* const publisher : {&one, &two}) {
    ASSERT_TRUE(publisher->send(as_bytes(pcm_noise(8'000, 5))));
    publisher->half_close();
    ASSERT_TRUE(publisher->finish().ok());
  }
  wait_until_ended("one");
  wait_until_ended("two");
  v1::SubscribeConfig config = many_config();
  for (const std::string& token : tokens) config.add_resume_tokens(token);
  std::string forged = tokens[0];
  forged.back() = static_cast<char>(forged.back() ^ 1);
  config.add_resume_tokens(forged);
  Subscriber resumed(features(), config);
  ManyReadings readings;
  read_ends(resumed, 2, readings);
  for (const char* const id : {"one", "two"}) EXPECT_EQ(readings.by_stream[id].n_frames(), 50) << id;
  ASSERT_EQ(readings.failures.size(), 1U);
  EXPECT_EQ(readings.failures[0].code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(readings.failures[0].message().rfind("EPOCH_CHANGED", 0), 0U);
}

TEST_F(ManyStreamsTest, WhatIsWrongWithOneStreamIsThatStreamsAlone) {
  Publisher live(audio());
  live.open(audio_config("live"));
  Publisher fast(audio());
  fast.open(audio_config("fast", v1::PACING_FAST));
  v1::SubscribeConfig config = many_config();
  config.set_slow_policy(v1::SLOW_POLICY_BLOCK);
  Subscriber subscriber(features(), config);
  ManyReadings readings;
  v1::SubscribeResponse response;
  while (readings.by_stream["fast"].start.stream().empty() && subscriber.receive(response)) readings.take(response);
  ASSERT_TRUE(fast.send(as_bytes(pcm_noise(8'000, 5))));
  fast.half_close();
  read_ends(subscriber, 1, readings);
  EXPECT_EQ(readings.by_stream["fast"].n_frames(), 50);
  ASSERT_EQ(readings.failures.size(), 1U);
  EXPECT_EQ(readings.failures[0].stream(), "live");
  EXPECT_EQ(readings.failures[0].code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ManyStreamsTest, AStreamThatWasOverBeforeItsFrontEndWasComputedIsTold) {
  v1::SubscribeConfig config = many_config();
  config.mutable_features()->set_front_end("kaldi-80");
  Subscriber subscriber(features(), config);
  v1::SubscribeResponse response;
  ASSERT_TRUE(subscriber.receive_until(v1::SubscribeResponse::kHeartbeat, response));
  // Some are joined in time, some may not be: none is left out.
  for (std::uint32_t i = 0; i < 8; ++i) publish("call-" + std::to_string(i), i);
  ManyReadings readings;
  while (readings.n_ended() + readings.failures.size() < 8 && subscriber.receive(response)) readings.take(response);
  EXPECT_EQ(readings.by_stream.size(), 8U);
  for (const v1::SubscribeFailure& failure : readings.failures) {
    EXPECT_EQ(failure.code(), grpc::StatusCode::FAILED_PRECONDITION) << failure.message();
  }
}

TEST_F(ManyStreamsTest, ADrainEndsEachStreamAndThenTheCall) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  Subscriber subscriber(features(), many_config());
  v1::SubscribeResponse response;
  ASSERT_TRUE(subscriber.receive(response));
  ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(1'600, 5))));
  ManyReadings readings;
  std::thread drain([&] { server().drain(kCallDeadline); });
  while (subscriber.receive(response)) readings.take(response);
  const grpc::Status status = subscriber.finish();
  drain.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
  EXPECT_EQ(readings.by_stream["mic"].end.reason(), v1::END_REASON_SHUTDOWN);
}

TEST_F(ManyStreamsTest, MistakesOfTheConfigAreRefused) {
  const auto expect_refused = [&](const v1::SubscribeConfig& config, const std::string& field) {
    Subscriber subscriber(features(), config);
    const grpc::Status status = subscriber.finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
    EXPECT_EQ(status.error_message().rfind(field, 0), 0U) << status.error_message();
  };
  v1::SubscribeConfig config = many_config();
  config.set_stream("one");
  expect_refused(config, "streams");
  config = subscribe_config("");
  config.mutable_streams();
  expect_refused(config, "streams");
  config = many_config();
  config.set_frame(0);
  expect_refused(config, "frame");
  config = many_config();
  config.set_block_frames(1001);
  expect_refused(config, "block_frames");
  expect_refused(labelled_config("=x"), "labels");
  config = subscribe_config("");
  config.mutable_streams()->mutable_ids()->add_ids("not an id");
  expect_refused(config, "ids");
}

}  // namespace
}  // namespace melstream::test
