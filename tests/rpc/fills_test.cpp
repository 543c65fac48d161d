// What subscribers, windows and lists are told over the wire of samples that no source sent.
#include "tests/rpc/server_fixture.hpp"

namespace melstream::test {
namespace {

using core::FilledSpan;

class FillsTest : public ServerTest {
 protected:
  FillsTest() {
    core::AudioFeed& feed = stream_->feed();
    feed.begin_segment({.timeline_begin = 320, .capture_wall_ns = 1});
    feed.mark({1600, 1800, FilledSpan::Kind::kConcealed});
    feed.mark({8000, 8960, FilledSpan::Kind::kSuppressed});
    feed.write(as_floats(pcm_noise(16'000, 1)), 1);
  }

  std::shared_ptr<pipeline::Stream> stream_ = registry().open({{.id = "mic"}}, false).front();
};

TEST_F(FillsTest, BlocksCarryShareAndFlags) {
  v1::SubscribeConfig config = subscribe_config("mic");
  config.set_frame(0);
  config.set_block_frames(1);
  Subscriber subscriber(features(), config);
  v1::SubscribeResponse start;
  ASSERT_TRUE(subscriber.receive(start));  // it has joined
  stream_->feed().finish(core::EndReason::kCompleted);
  Reading reading;
  ASSERT_TRUE(subscriber.finish(&reading).ok());
  ASSERT_EQ(reading.blocks.size(), 100U);
  for (const v1::FeatureBlock& block : reading.blocks) {
    const std::int64_t begin = block.first_sample() - 320 - 200;  // of the window, from the segment's start
    const std::int64_t n_concealed =
        std::max<std::int64_t>(0, std::min<std::int64_t>(begin + 400, 1800) - std::max<std::int64_t>(begin, 1600));
    EXPECT_FLOAT_EQ(block.concealed_share(), static_cast<float>(n_concealed) / 400.0F) << block.first_frame();
    EXPECT_EQ((block.flags() & v1::BLOCK_FLAG_CONCEALED) != 0, n_concealed > 0) << block.first_frame();
    EXPECT_EQ((block.flags() & v1::BLOCK_FLAG_SUPPRESSED_SILENCE) != 0, begin < 8960 && begin + 400 > 8000);
  }
}

TEST_F(FillsTest, WindowsAndListsTellThem) {
  v1::GetWindowRequest request;
  request.set_stream("mic");
  request.set_begin_sample(2000);
  request.set_end_sample(10'000);
  request.mutable_features()->set_front_end("whisper-80");
  v1::GetWindowResponse response;
  ASSERT_TRUE(get_window(request, response).ok());
  ASSERT_EQ(response.concealed_size(), 1);
  EXPECT_EQ(response.concealed(0).begin_sample(), 2000);
  EXPECT_EQ(response.concealed(0).end_sample(), 2120);
  ASSERT_EQ(response.suppressed_size(), 1);
  EXPECT_EQ(response.suppressed(0).begin_sample(), 8320);
  EXPECT_EQ(response.suppressed(0).end_sample(), 9280);
  EXPECT_EQ(response.filled_size(), 0);

  grpc::ClientContext context;
  set_deadline(context);
  v1::ListStreamsResponse streams;
  ASSERT_TRUE(features().ListStreams(&context, {}, &streams).ok());
  ASSERT_EQ(streams.streams_size(), 1);
  EXPECT_EQ(streams.streams(0).concealed_samples(), 200);
  EXPECT_EQ(streams.streams(0).suppressed_samples(), 960);
  stream_->feed().finish(core::EndReason::kCompleted);
  wait_until_ended("mic");
}

}  // namespace
}  // namespace melstream::test
