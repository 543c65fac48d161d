// However the bytes of a connection are cut, the same samples come out.
#include "melstream/audio/pcm_byte_stream.hpp"

#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

#include "tests/audio/stream_recorder.hpp"
#include "tests/support/realtime_scope.hpp"

namespace melstream::audio {
namespace {

class PcmByteStreamCuts : public testing::TestWithParam<std::size_t> {};

TEST_P(PcmByteStreamCuts, GiveTheSameSamples) {
  test::TurnedClock clock;
  test::StreamRecorder recorder(clock);
  const core::PcmFormat format{.n_channels = 2, .channel_mode = core::ChannelMode::kSplit};
  PcmByteStream bytes(recorder.opener()({.id = "s", .format = format}), format);
  const auto sent = test::counting_bytes(0, 8000);
  for (std::size_t at = 0; at < sent.size(); at += GetParam()) {
    bytes.push(std::span(sent).subspan(at, std::min(GetParam(), sent.size() - at)), clock.mono);
    EXPECT_EQ(bytes.is_inside_sample(), std::min(at + GetParam(), sent.size()) % 4 != 0);
  }
  bytes.finish(core::EndReason::kCompleted);
  test::RecordedStream& stream = *recorder.find("s");
  ASSERT_EQ(stream.taken.size(), 2U);
  for (int channel = 0; channel < 2; ++channel) {
    const auto samples = stream.taken[static_cast<std::size_t>(channel)].all_samples();
    ASSERT_EQ(samples.size(), 4000U);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      ASSERT_EQ(samples[i] * 32768.0F, static_cast<float>(2 * i) + static_cast<float>(channel));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cuts, PcmByteStreamCuts, testing::Values(1, 3, 4, 7, 640, 16000));

TEST(PcmByteStream, AllocatesNothing) {
  test::TurnedClock clock;
  test::StreamRecorder recorder(clock);
  PcmByteStream bytes(recorder.opener()({.id = "s"}), {});
  const auto sent = test::counting_bytes(0, 1000);
  const test::RealtimeScope scope;
  bytes.push(std::span(sent).first(333), clock.mono);
  bytes.push(std::span(sent).subspan(333), clock.mono);
  const auto n = scope.allocations();
  EXPECT_EQ(n, 0);
}

}  // namespace
}  // namespace melstream::audio
