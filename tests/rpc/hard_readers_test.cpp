// Readers that behave badly: they half-close, come in storms, never read. The others notice nothing.
#include <memory>
#include <thread>

#include "tests/rpc/server_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace melstream::test {
namespace {

class HardReadersTest : public ServerTest {
 protected:
  HardReadersTest()
      : ServerTest({.registry = {.max_streams = 8, .history_s = 1.0, .always = {"whisper-80"}}, .server = {}}) {}

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
  EXPECT_EQ(info().queued_bytes(), 0);
  publisher.half_close();
  expect_all(healthy, 40);
}

TEST_F(HardReadersTest, WhoNeverReadsIsGappedAndTheOthersAreNot) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  v1::SubscribeConfig config = from_frame_0("mic");
  config.set_block_frames(1);
  // A connection of its own, or its unread bytes would stand in the others' way in its client.
  const auto stub = v1::FeatureService::NewStub(connect());
  Subscriber never(*stub, config);
  Subscriber healthy(features(), from_frame_0("mic"));
  v1::SubscribeResponse response;
  ASSERT_TRUE(healthy.receive_until(v1::SubscribeResponse::kStart, response));
  constexpr int kSeconds = 60;  // 2 MB of features: more than both kernels and the client's gRPC hold unread
  Reading reading;
  std::thread reader([&] { EXPECT_TRUE(healthy.finish(&reading).ok()); });
  for (int i = 0; i < kSeconds * 10; ++i) {
    ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(1'600, 3))));
    // Not faster than the tick thread takes it: what the ring cannot hold would be lost to everybody.
    ASSERT_TRUE(eventually([&] { return registry().find("mic")->seen() >= (i - 2) * 1'600; }));
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

}  // namespace
}  // namespace melstream::test
