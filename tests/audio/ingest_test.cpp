// The ingest on good and bad input: samples and channels, anchors of time, errors, end.
#include "melstream/audio/ingest.hpp"

#include <array>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>

#include "melstream/core/error.hpp"

#include "tests/audio/ingest_fixture.hpp"
#include "tests/audio/wav_file.hpp"
#include "tests/support/realtime_scope.hpp"

namespace melstream::audio {
namespace {

using core::ChannelMode;
using core::EndReason;
using core::PcmEncoding;
using core::PcmFormat;

/// Field and message of the Error that `action` throws.
template <typename Action>
std::pair<std::string, std::string> refusal(Action action) {
  try {
    action();
  } catch (const core::Error& error) {
    return {error.field(), error.what()};
  }
  return {"nothing thrown", ""};
}

TEST(Ingest, PassesSixteenKilohertzThroughBitByBit) {
  const auto wav = test::read_golden_wav("espeak.wav");
  const auto wanted = test::pcm16_samples(wav);
  for (const std::size_t chunk : {1, 7, 160, 441, 4096}) {
    test::Publisher publisher(wav.format);
    publisher.push_all(wav.bytes, chunk);
    ASSERT_EQ(publisher.taken[0].segments.size(), 1u);
    ASSERT_EQ(publisher.taken[0].all_samples(), wanted) << chunk;
  }
}

TEST(Ingest, ResampledBitsDoNotDependOnChunks) {
  const auto wav = test::read_golden_wav("espeak_44k1_stereo.wav");
  const auto bytes = std::span(wav.bytes).first(60000 * 4);
  const auto with_chunks = [&](std::size_t chunk) {
    test::Publisher publisher(wav.format);
    publisher.push_all(bytes, chunk);
    return publisher.taken[0].all_samples();
  };
  const auto wanted = with_chunks(441);
  EXPECT_EQ(wanted.size(), 21769u);  // 60000 * 16000 / 44100 = 21768.7
  for (const std::size_t chunk : {1, 7, 160, 4096}) EXPECT_EQ(with_chunks(chunk), wanted) << chunk;
  std::minstd_rand random(3);
  test::Publisher publisher(wav.format);
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t n = std::min(bytes.size() - at, (1 + random() % 5000) * 4);
    publisher.push(bytes.subspan(at, n));
    publisher.drain_all();
    at += n;
  }
  publisher.ingest->finish(EndReason::kCompleted);
  publisher.drain_all();
  EXPECT_EQ(publisher.taken[0].all_samples(), wanted);
}

TEST(Ingest, ChoosesMixesAndSplitsChannels) {
  const auto bytes = test::s16_bytes(std::array<std::int16_t, 6>{100, 200, -600, 1000, 2000, 3000});
  const auto value = [](double s16) { return static_cast<float>(s16 / 32768); };
  const auto carried = [&](ChannelMode mode, int index) {
    test::Publisher publisher({.n_channels = 3, .channel_mode = mode, .channel_index = index});
    publisher.push_all(bytes, 1);
    std::vector<std::vector<float>> all;
    for (const auto& taken : publisher.taken) all.push_back(taken.all_samples());
    return all;
  };
  using Channels = std::vector<std::vector<float>>;
  EXPECT_EQ(carried(ChannelMode::kIndex, 2), (Channels{{value(-600), value(3000)}}));
  EXPECT_EQ(carried(ChannelMode::kMix, 0), (Channels{{value(-100), value(2000)}}));
  EXPECT_EQ(carried(ChannelMode::kSplit, 0),
            (Channels{{value(100), value(1000)}, {value(200), value(2000)}, {value(-600), value(3000)}}));
}

TEST(Ingest, CountsNanAndInfinityAndMakesThemZero) {
  test::Publisher publisher({.encoding = PcmEncoding::kFloat32, .n_channels = 2});
  const std::array<float, 4> values{std::numeric_limits<float>::quiet_NaN(), 0.5F,
                                    -std::numeric_limits<float>::infinity(), 0.25F};
  publisher.push_all(std::as_bytes(std::span(values)), 2);
  EXPECT_EQ(publisher.ingest->counters().nonfinite, 2);
  EXPECT_EQ(publisher.ingest->counters().accepted, 2);
  EXPECT_EQ(publisher.taken[0].all_samples(), (std::vector<float>{0.25F, 0.125F}));
}

TEST(Ingest, AnchorsASegmentAtItsFirstSample) {
  test::Publisher publisher({});
  publisher.ingest->push(test::counting_bytes(0, 1600), {.received_mono_ns = publisher.clock.mono - 5'000'000});
  publisher.drain_all();
  const auto& start = publisher.taken[0].segments.at(0).start;
  EXPECT_EQ(start.timeline_begin, 0);
  EXPECT_EQ(start.lost_source_samples, 0);
  // Received 5 ms ago, 100 ms long.
  EXPECT_EQ(start.capture_mono_ns, publisher.clock.mono - 105'000'000);
  EXPECT_EQ(start.capture_wall_ns, publisher.clock.wall - 105'000'000);
  EXPECT_EQ(publisher.feeds[0]->received_mono_ns(0), publisher.clock.mono - 5'000'000);
}

TEST(Ingest, TakesThePublishersCaptureTime) {
  test::Publisher publisher({});
  const std::int64_t captured = publisher.clock.wall - 3'000'000'000;
  publisher.ingest->push(test::counting_bytes(0, 160),
                         {.received_mono_ns = publisher.clock.mono, .capture_wall_ns = captured});
  publisher.drain_all();
  EXPECT_EQ(publisher.taken[0].segments.at(0).start.capture_wall_ns, captured);
  EXPECT_EQ(publisher.taken[0].segments.at(0).start.capture_mono_ns, publisher.clock.mono - 3'000'000'000);
}

TEST(Ingest, TreatsAnImpossibleCaptureTimeAsUnknown) {
  for (const std::int64_t captured :
       {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}, std::numeric_limits<std::int64_t>::max()}) {
    test::Publisher publisher({});
    publisher.ingest->push(test::counting_bytes(0, 16),
                           {.received_mono_ns = publisher.clock.mono, .capture_wall_ns = captured});
    publisher.drain_all();
    EXPECT_EQ(publisher.taken[0].segments.at(0).start.capture_wall_ns, publisher.clock.wall - 1'000'000) << captured;
  }
}

TEST(Ingest, RefusesAPartialSampleAndTakesNothing) {
  test::Publisher publisher({.n_channels = 2});
  const std::vector<std::byte> bytes(7);
  const auto [field, message] = refusal([&] { publisher.push(bytes); });
  EXPECT_EQ(field, "content");
  EXPECT_NE(message.find("7 bytes"), std::string::npos) << message;
  EXPECT_NE(message.find("2 channels of 2 bytes"), std::string::npos) << message;
  EXPECT_EQ(publisher.ingest->counters().offered, 0);
  publisher.push_all(std::span(bytes).first(4), 1);
  EXPECT_EQ(publisher.taken[0].all_samples().size(), 1u);
}

TEST(Ingest, RefusesAChunkBeyondTheLimit) {
  test::Publisher publisher({.encoding = PcmEncoding::kMulaw});
  const auto [field, message] = refusal([&] { publisher.push(std::vector<std::byte>(core::kMaxChunkBytes + 1)); });
  EXPECT_EQ(field, "content");
  EXPECT_NE(message.find("256000"), std::string::npos) << message;
  EXPECT_EQ(publisher.ingest->counters().offered, 0);
}

TEST(Ingest, RefusesFormatsBeyondTheLimits) {
  const test::TurnedClock clock;
  const auto factory = make_ingest_factory(clock);
  const auto field = [&](const PcmFormat& format) {
    return refusal([&] { factory(format, {}, core::Conceal::kNone); }).first;
  };
  EXPECT_EQ(field({.sample_rate_hz = 7999}), "sample_rate_hertz");
  EXPECT_EQ(field({.sample_rate_hz = 192001}), "sample_rate_hertz");
  EXPECT_EQ(field({.n_channels = 0}), "audio_channel_count");
  EXPECT_EQ(field({.n_channels = 9}), "audio_channel_count");
  EXPECT_EQ(field({.n_channels = 2, .channel_mode = ChannelMode::kIndex, .channel_index = 2}), "channel_index");
  EXPECT_EQ(refusal([&] { factory({}, {}, core::Conceal::kNone); }).second, "0 feeds for a format of 1");
}

TEST(Ingest, TakesTheOutermostRates) {
  for (const int rate_hz : {8000, 192000}) {
    test::Publisher publisher({.sample_rate_hz = rate_hz});
    publisher.push_all(test::counting_bytes(0, static_cast<std::size_t>(rate_hz) / 2), 480);
    EXPECT_EQ(publisher.taken[0].all_samples().size(), 8000u) << rate_hz;
  }
}

TEST(Ingest, FinishesOnce) {
  test::Publisher publisher({.sample_rate_hz = 48000});
  publisher.push(test::counting_bytes(0, 4800));
  publisher.ingest->finish(EndReason::kSourceLost);
  publisher.ingest->finish(EndReason::kCompleted);
  publisher.drain_all();
  EXPECT_EQ(publisher.taken[0].n_ends, 1);
  EXPECT_EQ(publisher.taken[0].end_reason, EndReason::kSourceLost);
  EXPECT_EQ(publisher.taken[0].all_samples().size(), 1600u);
  EXPECT_EQ(refusal([&] { publisher.push(test::counting_bytes(0, 1)); }).second, "audio after the end of its stream");
  EXPECT_EQ(publisher.ingest->counters().offered, 4800);
  EXPECT_TRUE(publisher.ingest->has_room(0));
}

TEST(Ingest, EndsWithoutASegmentWhenNoSampleCame) {
  test::Publisher publisher({.sample_rate_hz = 48000});
  publisher.push({});
  publisher.ingest->finish(EndReason::kCompleted);
  publisher.drain_all();
  EXPECT_TRUE(publisher.taken[0].segments.empty());
  EXPECT_EQ(publisher.taken[0].n_ends, 1);
  EXPECT_EQ(publisher.ingest->counters().timeline_samples, 0);
}

class IngestRates : public ::testing::TestWithParam<int> {};

TEST_P(IngestRates, AllocatesNothingAfterTheFirstChunks) {
  test::Publisher publisher({.sample_rate_hz = GetParam(), .n_channels = 2, .channel_mode = ChannelMode::kSplit});
  const auto bytes = test::counting_bytes(0, static_cast<std::size_t>(GetParam()) / 50 * 2);
  const auto push_and_read = [&] {
    publisher.push(bytes);
    for (const auto& feed : publisher.feeds) {
      while (feed->boundary() != nullptr) feed->pop_boundary();
      feed->release(feed->ring().written());
    }
  };
  for (int i = 0; i < 50; ++i) push_and_read();
  const auto heap_before = mallinfo2().uordblks;  // libsoxr uses malloc
  const test::RealtimeScope scope;
  for (int i = 0; i < 200; ++i) push_and_read();
  const auto allocations = scope.allocations();
  EXPECT_EQ(allocations, 0);
  EXPECT_EQ(mallinfo2().uordblks, heap_before);
  EXPECT_EQ(publisher.ingest->counters().dropped, 0);
}

INSTANTIATE_TEST_SUITE_P(Rates, IngestRates, ::testing::Values(8000, 16000, 44100, 48000, 192000),
                         [](const auto& rate) { return std::to_string(rate.param); });

}  // namespace
}  // namespace melstream::audio
