// GetPrivacy tells what is there: audio while a stream lives, none after its end.
#include <sys/prctl.h>

#include "tests/rpc/server_fixture.hpp"

namespace melstream::test {
namespace {

class PrivacyTest : public ServerTest {
 protected:
  grpc::Status ask(const std::string& stream, v1::GetPrivacyResponse& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallDeadline);
    v1::GetPrivacyRequest request;
    request.set_stream(stream);
    response.Clear();
    return admin().GetPrivacy(&context, request, &response);
  }
};

TEST_F(PrivacyTest, AudioIsThereWhileTheStreamLivesAndGoneAtItsEnd) {
  constexpr int kSamples = 32'000;
  Publisher publisher(audio());
  publisher.open(audio_config("a", v1::PACING_FAST));
  ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(kSamples, 1))));
  Subscriber subscriber(features(), subscribe_config("a"));
  v1::GetPrivacyResponse privacy;
  do {
    ASSERT_TRUE(ask("a", privacy).ok());
    ASSERT_EQ(privacy.streams_size(), 1);
  } while (privacy.streams(0).history_samples() < kSamples || privacy.streams(0).subscriber_count() < 1);
  const v1::StreamPrivacy live = privacy.streams(0);
  EXPECT_EQ(live.state(), v1::STREAM_STATE_LIVE);
  EXPECT_EQ(live.ring_limit_samples(), 16'384);
  EXPECT_EQ(live.ring_samples(), 16'384);
  EXPECT_GE(live.history_limit_samples(), 40 * 16'000);
  EXPECT_EQ(live.front_ends_size(), 1);
  EXPECT_FALSE(live.has_forgotten_in_seconds());
  const std::int64_t used_bytes = privacy.memory().used_bytes();
  EXPECT_GE(used_bytes, static_cast<std::int64_t>((kSamples + 16'384) * sizeof(float)));

  publisher.half_close();
  ASSERT_TRUE(publisher.finish().ok());
  wait_until_ended("a");
  ASSERT_TRUE(ask("a", privacy).ok());
  ASSERT_EQ(privacy.streams_size(), 1);
  const v1::StreamPrivacy& ended = privacy.streams(0);
  EXPECT_EQ(ended.state(), v1::STREAM_STATE_ENDED);
  EXPECT_EQ(ended.ring_samples(), 0);
  EXPECT_EQ(ended.ring_limit_samples(), 0);
  EXPECT_EQ(ended.history_samples(), 0);
  EXPECT_EQ(ended.history_limit_samples(), 0);
  EXPECT_EQ(ended.front_ends_size(), 1);  // the features are kept yet
  EXPECT_GT(ended.forgotten_in_seconds(), 0.0);
  EXPECT_LE(ended.forgotten_in_seconds(), ended.features_seconds());
}

TEST_F(PrivacyTest, TellsOneStreamOrAll) {
  Publisher one(audio());
  one.open(audio_config("a"));
  Publisher other(audio());
  other.open(audio_config("b"));
  v1::GetPrivacyResponse privacy;
  ASSERT_TRUE(ask("", privacy).ok());
  EXPECT_EQ(privacy.streams_size(), 2);
  ASSERT_TRUE(ask("b", privacy).ok());
  ASSERT_EQ(privacy.streams_size(), 1);
  EXPECT_EQ(privacy.streams(0).stream(), "b");
  const grpc::Status none = ask("c", privacy);
  EXPECT_EQ(none.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_NE(none.error_message().find("'c'"), std::string::npos);
}

TEST_F(PrivacyTest, MemoryIsAsTheKernelHasIt) {
  v1::GetPrivacyResponse privacy;
  ASSERT_TRUE(ask("", privacy).ok());
  EXPECT_GT(privacy.memory().mapped_bytes(), 0);
  ASSERT_TRUE(privacy.memory().has_undumped_bytes());
  EXPECT_EQ(privacy.memory().undumped_bytes(), privacy.memory().mapped_bytes());
  EXPECT_EQ(privacy.memory().locked_bytes(), 0);  // the fixture's arena does not lock
}

TEST_F(PrivacyTest, DumpableIsWhatTheProcessIsNow) {
  const int before = prctl(PR_GET_DUMPABLE);
  v1::GetPrivacyResponse privacy;
  ASSERT_EQ(prctl(PR_SET_DUMPABLE, 0), 0);
  const grpc::Status closed = ask("", privacy);
  const bool dumpable = privacy.dumpable();
  ASSERT_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
  const grpc::Status open = ask("", privacy);
  prctl(PR_SET_DUMPABLE, before);
  ASSERT_TRUE(closed.ok());
  ASSERT_TRUE(open.ok());
  EXPECT_FALSE(dumpable);
  EXPECT_TRUE(privacy.dumpable());
}

TEST_F(PrivacyTest, CountsCallsThatWaitForWindows) {
  Publisher publisher(audio());
  publisher.open(audio_config("a"));
  grpc::ClientContext context;
  v1::GetWindowsRequest request;
  auto* follow = request.mutable_follow();
  follow->mutable_streams()->mutable_all();
  follow->mutable_features()->set_front_end("whisper-80");
  follow->set_window_seconds(1);
  follow->set_every_seconds(1);
  auto call = features().GetWindows(&context, request);
  v1::GetPrivacyResponse privacy;
  do {
    ASSERT_TRUE(ask("", privacy).ok());
  } while (privacy.window_call_count() < 1);
  context.TryCancel();
  v1::GetWindowsResponse ignored;
  while (call->Read(&ignored)) {
  }
  call->Finish();
  do {
    ASSERT_TRUE(ask("", privacy).ok());
  } while (privacy.window_call_count() > 0);
}

}  // namespace
}  // namespace melstream::test
