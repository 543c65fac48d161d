// Readers that behave badly: they half-close, come in storms, never read. The others notice nothing.
#include <atomic>
#include <memory>
#include <thread>

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "tests/rpc/server_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace melstream::test {
namespace {

class HardReadersTest : public ServerTest {
 protected:
  explicit HardReadersTest(const FixtureOptions& options) : ServerTest(options) {}
  HardReadersTest()
      : ServerTest({.registry = {.max_streams = 8, .history_s = 20.0, .always = {"whisper-80"}}, .server = {}}) {}

  /// A connection of its own, whose gRPC does not take megabytes for a reader that reads nothing.
  std::shared_ptr<grpc::Channel> connect_narrow() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 65'535);
    return grpc::CreateCustomChannel("unix:" + socket_path(), grpc::InsecureChannelCredentials(), arguments);
  }
  v1::GetServerInfoResponse info() {
    grpc::ClientContext context;
    set_deadline(context);
    v1::GetServerInfoResponse response;
    EXPECT_TRUE(features().GetServerInfo(&context, {}, &response).ok());
    return response;
  }
  /// Reads to the end and expects every frame of so many.
  static void expect_all(Subscriber& subscriber, std::int64_t n_frames) {
    Reading reading;
    EXPECT_TRUE(subscriber.finish(&reading).ok());
    EXPECT_EQ(reading.n_frames(), n_frames);
    EXPECT_TRUE(reading.gaps.empty());
  }
  static v1::SubscribeConfig from_frame_0(const std::string& stream) {
    v1::SubscribeConfig config = subscribe_config(stream);
    config.set_frame(0);
    return config;
  }
};

TEST_F(HardReadersTest, HalfClosingChangesNothingEvenForOneThatAcknowledged) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  Subscriber subscriber(features(), from_frame_0("mic"));
  v1::SubscribeResponse response;
  ASSERT_TRUE(subscriber.receive_until(v1::SubscribeResponse::kStart, response));
  v1::SubscribeRequest acknowledgement;
  acknowledgement.mutable_acknowledgement()->set_response_count(1);
  ASSERT_TRUE(subscriber.send(acknowledgement));
  subscriber.half_close();
  // Longer than a second of responses without an acknowledgement.
  const auto begin = std::chrono::steady_clock::now();
  std::int64_t n_sent = 0;
  std::thread reader([&] {
    while (subscriber.receive(response) && !response.has_end()) {
    }
  });
  ASSERT_TRUE(eventually([&] {
    n_sent += publisher.send(as_bytes(pcm_noise(160, 1))) ? 1 : 0;
    return std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(1500);
  }));
  publisher.half_close();
  reader.join();
  ASSERT_TRUE(response.has_end());
  EXPECT_EQ(response.end().next_frame(), n_sent);
}

TEST_F(HardReadersTest, ALongNameIsRefusedAndTheConnectionLives) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  for (const std::size_t n_bytes : {300, 9'000, 200'000}) {
    Subscriber subscriber(features(), subscribe_config(std::string(n_bytes, 'x')));
    EXPECT_EQ(subscriber.finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT) << n_bytes;
    v1::SubscribeConfig unknown = subscribe_config("mic");
    unknown.mutable_features()->set_front_end(std::string(n_bytes, '\xC3'));
    Subscriber other(features(), unknown);
    EXPECT_NE(other.finish().error_code(), grpc::StatusCode::UNAVAILABLE) << n_bytes;
  }
  EXPECT_TRUE(publisher.send(as_bytes(pcm_noise(160, 1))));
  EXPECT_EQ(info().stream_count(), 1);
}

TEST_F(HardReadersTest, AStormOfSubscriptionsLeavesNothingBehind) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  Subscriber healthy(features(), from_frame_0("mic"));
  for (int round = 0; round < 20; ++round) {
    std::vector<std::unique_ptr<Subscriber>> storm;
    for (int i = 0; i < 40; ++i) {
      storm.push_back(std::make_unique<Subscriber>(features(), from_frame_0(i % 2 == 0 ? "mic" : "nobody")));
    }
    ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(320, 2))));
    for (const auto& one : storm) one->cancel();
    for (const auto& one : storm) one->finish();
  }
  ASSERT_TRUE(eventually([&] { return info().subscription_count() == 1; }));
  publisher.half_close();
  expect_all(healthy, 40);
}

TEST_F(HardReadersTest, WhoNeverReadsIsGappedAndTheOthersAreNot) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  v1::SubscribeConfig config = from_frame_0("mic");
  config.set_block_frames(1);
  const auto stub = v1::FeatureService::NewStub(connect_narrow());
  Subscriber never(*stub, config);
  Subscriber healthy(features(), from_frame_0("mic"));
  v1::SubscribeResponse response;
  ASSERT_TRUE(healthy.receive_until(v1::SubscribeResponse::kStart, response));
  constexpr int kSeconds = 60;  // 2 MB of features: more than both kernels and the client's gRPC hold unread
  Reading reading;
  std::atomic<std::int64_t> n_read{0};
  std::thread reader([&] {
    for (v1::SubscribeResponse one; healthy.receive(one); n_read = reading.n_frames()) reading.take(one);
    EXPECT_TRUE(healthy.finish().ok());
  });
  for (int i = 0; i < kSeconds * 10; ++i) {
    ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(1'600, 3))));
    // Not faster than a healthy reader takes it: a second passes in three milliseconds here.
    ASSERT_TRUE(eventually([&] { return n_read >= (i - 5) * 10; }));
  }
  publisher.half_close();
  reader.join();
  EXPECT_EQ(reading.n_frames(), kSeconds * 100);
  EXPECT_TRUE(reading.gaps.empty());
  const v1::GetServerInfoResponse counts = info();
  EXPECT_LE(counts.queued_bytes_peak(), counts.queued_bytes_limit());
  EXPECT_LT(counts.queued_bytes(), 4'096);  // of a message under way, not of a minute
  Reading late;
  EXPECT_TRUE(never.finish(&late).ok());
  ASSERT_EQ(late.gaps.size(), 1U);
  EXPECT_EQ(late.gaps[0].reason(), v1::GAP_REASON_SUBSCRIBER_SLOW);
  EXPECT_EQ(late.n_frames() + late.gaps[0].frame_count(), kSeconds * 100);
}

class ShortHistoryReadersTest : public HardReadersTest {
 protected:
  ShortHistoryReadersTest()
      : HardReadersTest({.registry = {.max_streams = 8, .history_s = 1.0, .always = {"whisper-80"}}, .server = {}}) {}
};

TEST_F(ShortHistoryReadersTest, OfManyStreamsAReaderThatTakesNothingKeepsNoneAlive) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  const auto stub = v1::FeatureService::NewStub(connect_narrow());
  v1::SubscribeConfig config = subscribe_config("");
  config.mutable_streams()->mutable_all();
  Subscriber never(*stub, config);
  ASSERT_TRUE(eventually([&] { return info().subscription_count() == 1; }));
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(1'600, 3))));
    ASSERT_TRUE(eventually([&] { return registry().find("mic")->seen() >= (i - 1) * 1'600; }));
  }
  const std::weak_ptr<pipeline::Stream> stream = registry().find("mic");
  publisher.half_close();
  ASSERT_TRUE(publisher.finish().ok());
  EXPECT_TRUE(eventually([&] { return stream.expired(); }));
  bool has_failed = false;
  for (v1::SubscribeResponse response; !has_failed && never.receive(response);) {
    for (const v1::SubscribeResponse& one : response.batch().responses()) {
      has_failed = has_failed || one.failure().code() == grpc::StatusCode::OUT_OF_RANGE;
      EXPECT_FALSE(one.has_end());
    }
  }
  EXPECT_TRUE(has_failed);
}

/// Room for two blocks and no more.
class LittleRoomTest : public HardReadersTest {
 protected:
  static constexpr std::int64_t kLimit = 4'000;
  LittleRoomTest()
      : HardReadersTest({.registry = {.max_streams = 8, .history_s = 30.0, .always = {"whisper-80"}},
                         .server = {.stall_patience = std::chrono::milliseconds(300), .max_queued_bytes = kLimit}}) {}
};

TEST_F(LittleRoomTest, WhoTakesNothingIsCutOffSoThatOthersGoOn) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  const auto stub = v1::FeatureService::NewStub(connect_narrow());
  v1::SubscribeConfig config = from_frame_0("mic");
  Subscriber never(*stub, config);
  Subscriber never_either(*stub, config);
  v1::SubscribeResponse response;
  Subscriber healthy(features(), from_frame_0("mic"));
  ASSERT_TRUE(healthy.receive_until(v1::SubscribeResponse::kStart, response));
  std::thread reader([&] { expect_all(healthy, 3'000); });
  core::SampleIndex n_sent = 0;
  const auto publish_half = [&] {
    for (int i = 0; i < 150; ++i, n_sent += 1'600) {
      ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(1'600, 3))));
      // As fast as the tick thread takes it from the ring.
      ASSERT_TRUE(eventually([&] { return registry().find("mic")->seen() >= n_sent - 3'200; }));
    }
  };
  publish_half();
  // Both are stuck, and nobody can be sent anything, until one of them is cut off.
  EXPECT_TRUE(eventually([&] { return info().subscription_count() == 2; }));
  publish_half();
  publisher.half_close();
  reader.join();
  EXPECT_LE(info().queued_bytes_peak(), kLimit);
  const auto code = [](Subscriber& subscriber) { return subscriber.finish().error_code(); };
  EXPECT_TRUE(code(never) == grpc::StatusCode::CANCELLED || code(never_either) == grpc::StatusCode::CANCELLED);
}

}  // namespace
}  // namespace melstream::test
