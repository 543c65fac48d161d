// Slow readers: a gap, a disconnect, or a fast stream that waits.
#include "tests/pipeline/pipeline_fixture.hpp"

namespace melstream::test {
namespace {

using pipeline::SlowPolicy;
using pipeline::StartAt;

constexpr StartAt kFromFrame0{.kind = StartAt::Kind::kFrame, .frame = 0};

class SlowReaderTest : public PipelineTest {
 protected:
  SlowReaderTest() { build({.history_s = 1.0}); }  // 100 frames
};

TEST_F(SlowReaderTest, DropOldestTellsTheGapAndGoesOn) {
  auto stream = open("s");
  auto slow = subscribe("s", "whisper-80", {.start = kFromFrame0});
  auto quick = subscribe("s", "whisper-80", {.start = kFromFrame0});
  Received slow_received;
  Received quick_received;
  begin(*stream);
  publish(*stream, noise(1600, 1));
  drain(*slow, slow_received);
  for (std::uint32_t i = 0; i < 30; ++i) {
    publish(*stream, noise(1600, i));
    drain(*quick, quick_received);
  }
  end(*stream);
  drain(*slow, slow_received);
  drain(*quick, quick_received);
  slow_received.expect_tiled();
  quick_received.expect_tiled();
  EXPECT_TRUE(quick_received.holes.empty());
  ASSERT_EQ(slow_received.holes.size(), 1U);
  EXPECT_EQ(slow_received.holes[0].hole.reason, core::GapReason::kSubscriberSlow);
}

TEST_F(SlowReaderTest, DisconnectThrowsInsteadOfAGap) {
  auto stream = open("s");
  auto slow = subscribe("s", "whisper-80", {.start = kFromFrame0, .slow_policy = SlowPolicy::kDisconnect});
  Received received;
  begin(*stream);
  publish(*stream, noise(1600, 1));
  drain(*slow, received);
  publish(*stream, noise(32000, 2));
  pipeline::RowBatch batch;
  try {
    slow->next(clock_.mono_ns(), batch);
    FAIL() << "a reader that lost frames went on";
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), core::ErrorCode::kResourceExhausted);
  }
  EXPECT_TRUE(std::holds_alternative<std::monostate>(slow->next(clock_.mono_ns(), batch)));
}

TEST_F(SlowReaderTest, AFastStreamWaitsForItsBlockingReader) {
  const auto samples = noise(64000, 3);  // four times the ring, four times the history
  auto stream = open("s", pipeline::Pacing::kFast);
  auto reader =
      subscribe("s", "whisper-80", {.block_frames = 7, .start = kFromFrame0, .slow_policy = SlowPolicy::kBlock});
  Received received;
  begin(*stream);
  std::size_t at = 0;
  for (int pass = 0; at < samples.size(); ++pass) {
    ASSERT_LT(pass, 10000) << "no progress";
    const std::size_t n = std::min({stream->feed().room(), samples.size() - at, std::size_t{1000}});
    write(*stream, std::span(samples).subspan(at, n));
    at += n;
    tick();
    if (n == 0) {  // full: nothing may go on before the reader takes a block
      const core::SampleIndex released = stream->feed().ring().released();
      tick();
      EXPECT_EQ(stream->feed().ring().released(), released);
      pipeline::RowBatch batch;
      for (int block = 0; block < 3; ++block) {
        const pipeline::Delivery delivery = reader->next(clock_.mono_ns(), batch);
        received.take(delivery, batch);
      }
    }
  }
  end(*stream);
  while (!received.ended) {
    drain(*reader, received);
    tick();
  }
  received.expect_tiled();
  EXPECT_TRUE(received.holes.empty());
  EXPECT_EQ(received.values, offline("whisper-80", samples));
}

TEST_F(SlowReaderTest, ABlockingReaderThatLeavesLetsTheStreamGoOn) {
  auto stream = open("s", pipeline::Pacing::kFast);
  auto reader = subscribe("s", "whisper-80", {.start = kFromFrame0, .slow_policy = SlowPolicy::kBlock});
  begin(*stream);
  for (int i = 0; i < 20; ++i) {
    write(*stream, noise(std::min<std::size_t>(stream->feed().room(), 4000), 4));
    tick();
  }
  EXPECT_LT(stream->feed().room(), 4000U);
  reader.reset();
  tick();
  EXPECT_GT(stream->feed().room(), 15000U);
}

TEST_F(SlowReaderTest, AStreamThatEndsWaitsForItsBlockingReaderToo) {
  const auto samples = noise(30000, 5);  // more rows than the history holds, all taken in without one being read
  auto stream = open("s", pipeline::Pacing::kFast);
  auto reader = subscribe("s", "whisper-80", {.start = kFromFrame0, .slow_policy = SlowPolicy::kBlock});
  begin(*stream);
  publish(*stream, samples, 3000);
  end(*stream);
  Received received;
  EXPECT_FALSE(stream->ended());
  while (!received.ended) {
    drain(*reader, received);
    tick();
  }
  EXPECT_TRUE(stream->ended());
  received.expect_tiled();
  EXPECT_EQ(received.values, offline("whisper-80", samples));
}

TEST_F(SlowReaderTest, AnEndedStreamGivesUpOnABlockingReaderAfterAMinute) {
  const auto samples = noise(48000, 5);  // three times the history
  auto stream = open("s", pipeline::Pacing::kFast);
  auto stuck = subscribe("s", "whisper-80", {.start = kFromFrame0, .slow_policy = SlowPolicy::kBlock});
  auto reads = subscribe("s", "whisper-80", {.start = kFromFrame0, .slow_policy = SlowPolicy::kBlock});
  Received all;
  begin(*stream);
  publish(*stream, std::span(samples).first(32000), 3000);
  stream->feed().write(std::span(samples).subspan(32000, stream->feed().room()), clock_.mono_ns());
  const std::size_t n_written = stream->feed().ring().written();
  end(*stream);
  for (int second = 0; second < 59; ++second) {
    drain(*reads, all);
    clock_.advance_ms(1000);
    tick();
    ASSERT_FALSE(stream->ended());
  }
  for (int second = 0; second < 2; ++second) {
    clock_.advance_ms(1000);
    tick();
    drain(*reads, all);
  }
  tick();
  drain(*reads, all);
  EXPECT_TRUE(stream->ended());
  all.expect_tiled();
  EXPECT_TRUE(all.holes.empty());
  EXPECT_EQ(all.values, offline("whisper-80", std::span(samples).first(n_written)));
  Received late;
  drain(*stuck, late);
  late.expect_tiled();
  ASSERT_EQ(late.holes.size(), 1U);
  EXPECT_EQ(late.holes[0].hole.reason, core::GapReason::kSubscriberSlow);
}

}  // namespace
}  // namespace melstream::test
