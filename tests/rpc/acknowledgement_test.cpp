// Acknowledgements: a reader behind a proxy cannot hide its lag, and what it says is checked.
#include "tests/rpc/server_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace melstream::test {
namespace {

v1::SubscribeRequest acknowledgement(std::int64_t n) {
  v1::SubscribeRequest request;
  request.mutable_acknowledgement()->set_response_count(n);
  return request;
}

class AcknowledgementTest : public ServerTest {
 protected:
  std::vector<v1::SubscriptionInfo> subscriptions() {
    grpc::ClientContext context;
    set_deadline(context);
    v1::ListSubscriptionsResponse response;
    EXPECT_TRUE(admin().ListSubscriptions(&context, {}, &response).ok());
    return {response.subscriptions().begin(), response.subscriptions().end()};
  }
};

TEST_F(AcknowledgementTest, WhatWasNeverSentIsRefused) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  Subscriber subscriber(features(), subscribe_config("mic"));
  v1::SubscribeResponse response;
  ASSERT_TRUE(subscriber.receive_until(v1::SubscribeResponse::kStart, response));
  ASSERT_TRUE(subscriber.send(acknowledgement(1)));
  ASSERT_TRUE(subscriber.send(acknowledgement(1'000'000)));
  const grpc::Status status = subscriber.finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message().rfind("acknowledgement", 0), 0U) << status.error_message();
}

TEST_F(AcknowledgementTest, BeforeTheConfigItIsRefused) {
  Subscriber subscriber(features());
  ASSERT_TRUE(subscriber.send(acknowledgement(0)));
  EXPECT_EQ(subscriber.finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(AcknowledgementTest, AReaderThatStopsAcknowledgingLagsInSight) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  Subscriber silent(features(), subscribe_config("mic"));
  Subscriber plain(features(), subscribe_config("mic"));
  v1::SubscribeResponse response;
  ASSERT_TRUE(silent.receive_until(v1::SubscribeResponse::kStart, response));
  ASSERT_TRUE(plain.receive_until(v1::SubscribeResponse::kStart, response));
  ASSERT_TRUE(silent.send(acknowledgement(1)));
  v1::SubscriptionInfo lagging;
  // Both connections take all that is sent: only the acknowledgements tell them apart.
  ASSERT_TRUE(eventually([&] {
    publisher.send(as_bytes(pcm_noise(160, 1)));
    for (const v1::SubscriptionInfo& one : subscriptions()) {
      if (one.has_unacknowledged_responses()) lagging = one;
    }
    return lagging.lag_frames() > 20 && lagging.stalled_seconds() > 0;
  }));
  EXPECT_GT(lagging.unacknowledged_responses(), 0);
  EXPECT_EQ(lagging.queued_bytes(), 0);
  // Reading and acknowledging all brings it up to date again.
  std::int64_t n_read = 1;
  std::int64_t next_frame = 0;
  ASSERT_TRUE(silent.send(acknowledgement(n_read + lagging.unacknowledged_responses())));
  const std::int64_t caught_up = lagging.delivered_frames() + lagging.lag_frames();
  while (next_frame < caught_up - 4 && silent.receive(response)) {
    ++n_read;
    if (response.has_block()) next_frame = response.block().first_frame() + response.block().frame_count();
  }
  EXPECT_GE(next_frame, caught_up - 4);
}

TEST_F(AcknowledgementTest, ListsWhoSubscribes) {
  EXPECT_TRUE(subscriptions().empty());
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  Subscriber one(features(), subscribe_config("mic"));
  v1::SubscribeConfig many = subscribe_config("");
  many.mutable_streams()->set_labels("site=a");
  many.mutable_features()->set_front_end("kaldi-80");
  Subscriber selected(features(), many);
  v1::SubscribeResponse response;
  ASSERT_TRUE(one.receive_until(v1::SubscribeResponse::kStart, response));
  ASSERT_TRUE(eventually([&] { return subscriptions().size() == 2; }));
  for (const v1::SubscriptionInfo& info : subscriptions()) {
    const bool is_one = info.streams() == "mic";
    EXPECT_TRUE(is_one || info.streams() == "labels: site=a") << info.streams();
    EXPECT_EQ(info.front_end(), is_one ? "whisper-80" : "kaldi-80");
    EXPECT_EQ(info.stream_count(), is_one ? 1 : 0);
    EXPECT_FALSE(info.has_unacknowledged_responses());
    EXPECT_FALSE(info.peer().empty());
  }
}

}  // namespace
}  // namespace melstream::test
