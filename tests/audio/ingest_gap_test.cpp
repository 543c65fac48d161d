// What the ingest does when a feed is full: drops are counted, become gaps at the right place, and lose nothing else.
#include <array>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/audio/ingest.hpp"
#include "melstream/audio/pcm_decode.hpp"

#include "tests/audio/ingest_accounts.hpp"
#include "tests/audio/ingest_fixture.hpp"

namespace melstream::audio {
namespace {

using core::EndReason;

/// The 16 kHz position of source sample n, in double precision.
std::int64_t position(std::int64_t n_source, int rate_hz) {
  return static_cast<std::int64_t>(std::floor(static_cast<double>(n_source) * 16000 / rate_hz + 0.5));
}

TEST(IngestGap, DropsAWholeChunkAndResumesBehindAGap) {
  test::Publisher publisher({});
  publisher.push(test::counting_bytes(0, 16000));
  EXPECT_FALSE(publisher.ingest->has_room(2 * 385));
  EXPECT_TRUE(publisher.ingest->has_room(2 * 384));
  publisher.push(test::counting_bytes(16000, 385));
  auto counters = publisher.ingest->counters();
  EXPECT_EQ(counters.offered, 16385);
  EXPECT_EQ(counters.accepted, 16000);
  EXPECT_EQ(counters.dropped, 385);
  publisher.push(test::counting_bytes(16385, 100));  // a smaller one still fits
  publisher.drain_all();

  ASSERT_EQ(publisher.taken[0].segments.size(), 2u);
  const auto& second = publisher.taken[0].segments[1];
  EXPECT_EQ(second.start.timeline_begin, 16385);
  EXPECT_EQ(second.start.reason, core::GapReason::kCaptureOverflow);
  EXPECT_EQ(second.start.lost_source_samples, 385);
  EXPECT_EQ(second.samples.size(), 100u);
  EXPECT_EQ(second.samples[0], 16385.0F / 32768.0F);
  counters = publisher.ingest->counters();
  EXPECT_EQ(counters.gap_samples, 385);
  EXPECT_EQ(counters.timeline_samples, 16485);
}

TEST(IngestGap, ChunksLostInARowAreOneGap) {
  test::Publisher publisher({});
  publisher.push(test::counting_bytes(0, 16384));
  for (int i = 0; i < 5; ++i) publisher.push(test::counting_bytes(0, 200));
  publisher.drain_all();
  publisher.push(test::counting_bytes(0, 10));
  publisher.drain_all();
  ASSERT_EQ(publisher.taken[0].segments.size(), 2u);
  EXPECT_EQ(publisher.taken[0].segments[1].start.lost_source_samples, 1000);
  EXPECT_EQ(publisher.taken[0].segments[1].start.timeline_begin, 17384);
}

TEST(IngestGap, TheFlushBeforeAGapAlwaysHasRoom) {
  test::Publisher publisher({.sample_rate_hz = 48000});
  const auto chunk = test::counting_bytes(0, 480);
  int n_chunks = 0;
  while (publisher.ingest->has_room(chunk.size())) {
    publisher.push(chunk);
    ASSERT_LT(++n_chunks, 1000);
  }
  EXPECT_EQ(n_chunks, 102);  // 102 * 160 = 16320 of 16384
  EXPECT_LT(publisher.feeds[0]->ring().written(), 16320);
  publisher.push(chunk);
  EXPECT_EQ(publisher.ingest->counters().dropped, 480);
  EXPECT_EQ(publisher.feeds[0]->ring().written(), 16320);
}

TEST(IngestGap, ADropInOneOfSplitChannelsIsADropInAll) {
  test::Publisher publisher({.n_channels = 2, .channel_mode = core::ChannelMode::kSplit});
  publisher.push(test::counting_bytes(0, 2 * 16384));
  test::drain(*publisher.feeds[0], publisher.taken[0]);  // the second feed stays full
  publisher.push(test::counting_bytes(0, 2 * 160));
  EXPECT_EQ(publisher.ingest->counters().dropped, 160);
  publisher.drain_all();
  publisher.push(test::counting_bytes(0, 2 * 160));
  publisher.drain_all();
  for (const auto& taken : publisher.taken) {
    ASSERT_EQ(taken.segments.size(), 2u);
    EXPECT_EQ(taken.segments[1].start.timeline_begin, 16544);
  }
}

TEST(IngestGap, AGapAtTheEndIsTold) {
  test::Publisher publisher({.sample_rate_hz = 8000});
  publisher.push(test::counting_bytes(0, 8000));
  publisher.push(test::counting_bytes(0, 8000));
  EXPECT_EQ(publisher.ingest->counters().dropped, 8000);
  publisher.ingest->finish(EndReason::kCompleted);
  publisher.drain_all();
  ASSERT_EQ(publisher.taken[0].segments.size(), 2u);
  EXPECT_EQ(publisher.taken[0].segments[0].samples.size(), 16000u);
  EXPECT_EQ(publisher.taken[0].segments[1].start.timeline_begin, 32000);
  EXPECT_EQ(publisher.taken[0].segments[1].start.lost_source_samples, 8000);
  EXPECT_TRUE(publisher.taken[0].segments[1].samples.empty());
  EXPECT_EQ(publisher.ingest->counters().timeline_samples, 32000);
  EXPECT_EQ(publisher.ingest->counters().gap_samples, 16000);
}

TEST(IngestGap, AChunkLargerThanTheRingIsAGapAtTheStart) {
  test::Publisher publisher({});
  publisher.push(test::counting_bytes(0, 20000));
  publisher.push(test::counting_bytes(20000, 100));
  publisher.drain_all();
  ASSERT_EQ(publisher.taken[0].segments.size(), 1u);
  EXPECT_EQ(publisher.taken[0].segments[0].start.timeline_begin, 20000);
  EXPECT_EQ(publisher.taken[0].segments[0].start.lost_source_samples, 20000);
}

TEST(IngestGap, ManySegmentsThatNobodyReadsDropAudioNotTheEnd) {
  test::Publisher publisher({});
  const auto chunk = test::counting_bytes(0, 100);
  for (int i = 0; i < 300; ++i) {
    publisher.push(test::counting_bytes(0, 17000));  // never fits: the next one starts a segment
    publisher.push(chunk);
  }
  publisher.ingest->finish(EndReason::kShutdown);
  publisher.drain_all();
  EXPECT_EQ(publisher.taken[0].n_ends, 1);
  EXPECT_EQ(publisher.taken[0].end_reason, EndReason::kShutdown);
  const auto counters = publisher.ingest->counters();
  EXPECT_EQ(counters.offered, 300 * 17100);
  EXPECT_EQ(counters.accepted + counters.dropped, counters.offered);
  EXPECT_EQ(counters.accepted, static_cast<std::int64_t>(publisher.taken[0].all_samples().size()));
  EXPECT_EQ(counters.timeline_samples, counters.offered);
}

TEST(IngestGap, CaptureTimeNeverDecreases) {
  test::Publisher publisher({});
  publisher.push(test::counting_bytes(0, 16384));
  publisher.push(test::counting_bytes(0, 160));
  publisher.drain_all();
  publisher.clock.mono += 1'034'000'000;
  publisher.clock.wall -= 3'600'000'000'000;  // an hour back
  publisher.push(test::counting_bytes(0, 160));
  publisher.drain_all();
  const auto& segments = publisher.taken[0].segments;
  ASSERT_EQ(segments.size(), 2u);
  EXPECT_EQ(segments[1].start.timeline_begin, 16544);
  EXPECT_GE(segments[1].start.capture_wall_ns, segments[0].start.capture_wall_ns + core::samples_to_ns(16384));
  EXPECT_EQ(segments[1].start.capture_mono_ns, publisher.clock.mono - 10'000'000);
}

struct OverloadCase {
  int rate_hz;
  std::size_t most_samples;  ///< of a chunk
  int n_chunks;
};

class IngestOverload : public ::testing::TestWithParam<OverloadCase> {};

/// The samples that a segment must have: its source samples, resampled by themselves.
std::vector<float> resampled_alone(std::span<const std::byte> bytes, int rate_hz) {
  std::vector<float> source(bytes.size() / 2);
  decode(core::PcmEncoding::kLinear16, bytes, source);
  return test::resampled_alone(source, rate_hz);
}

TEST_P(IngestOverload, AccountsForEverySampleOverManyGaps) {
  const int rate_hz = GetParam().rate_hz;
  test::Publisher publisher({.sample_rate_hz = rate_hz});
  std::minstd_rand random(11);
  std::vector<std::vector<std::byte>> sources;  // of each segment: what was accepted
  std::vector<std::int64_t> offered_at_starts;  // of each segment
  bool dropped_before = true;
  for (int i = 0; i < GetParam().n_chunks; ++i) {
    const std::size_t n = 1 + random() % GetParam().most_samples;
    const auto before = publisher.ingest->counters();
    const auto bytes = test::counting_bytes(before.offered, n);
    const bool promised = publisher.ingest->has_room(bytes.size());
    publisher.push(bytes);
    const auto after = publisher.ingest->counters();
    ASSERT_EQ(after.offered, before.offered + static_cast<std::int64_t>(n));
    ASSERT_EQ(after.offered, after.accepted + after.dropped);
    const bool accepted = after.accepted > before.accepted;
    ASSERT_EQ(accepted, promised);
    if (accepted && dropped_before) {
      sources.emplace_back();
      offered_at_starts.push_back(before.offered);
    }
    if (accepted) sources.back().insert(sources.back().end(), bytes.begin(), bytes.end());
    dropped_before = !accepted;
    ASSERT_EQ(after.timeline_samples, publisher.feeds[0]->ring().written() + after.gap_samples);
    if (random() % 97 == 0) publisher.drain_all();  // a reader that stalls
  }
  publisher.ingest->finish(EndReason::kCompleted);
  publisher.drain_all();

  const auto counters = publisher.ingest->counters();
  const auto& segments = publisher.taken[0].segments;
  const bool gap_at_end = dropped_before;
  ASSERT_GT(sources.size(), 20u);  // there were many gaps
  ASSERT_EQ(segments.size(), sources.size() + (gap_at_end ? 1 : 0));
  std::int64_t end = 0;
  std::int64_t n_lost = 0;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto& [start, samples] = segments[i];
    ASSERT_EQ(start.timeline_begin, position(offered_at_starts[i], rate_hz)) << i;
    ASSERT_GE(start.timeline_begin, end) << i;
    const auto wanted = resampled_alone(sources[i], rate_hz);
    ASSERT_LE(samples.size(), wanted.size()) << i;
    ASSERT_GE(samples.size() + 1, wanted.size()) << i;
    ASSERT_TRUE(std::equal(samples.begin(), samples.end(), wanted.begin())) << i;
    end = start.timeline_begin + static_cast<std::int64_t>(samples.size());
    n_lost += start.lost_source_samples;
  }
  if (gap_at_end) n_lost += segments.back().start.lost_source_samples;
  EXPECT_EQ(n_lost, counters.dropped);
  const std::int64_t whole = position(counters.offered, rate_hz);
  EXPECT_LE(counters.timeline_samples, whole);
  EXPECT_GE(counters.timeline_samples, whole - 1);
  EXPECT_EQ(publisher.taken[0].timeline_end(), counters.timeline_samples);
  EXPECT_EQ(counters.timeline_samples,
            static_cast<std::int64_t>(publisher.taken[0].all_samples().size()) + counters.gap_samples);
}

INSTANTIATE_TEST_SUITE_P(Rates, IngestOverload,
                         ::testing::Values(OverloadCase{16000, 700, 5000}, OverloadCase{44100, 2000, 5000},
                                           OverloadCase{8000, 400, 5000}, OverloadCase{48000, 2000, 5000},
                                           OverloadCase{192000, 9000, 5000}, OverloadCase{11025, 500, 5000}),
                         [](const auto& rate) { return std::to_string(rate.param.rate_hz); });

TEST(IngestGap, SingleSamplesLostNeverMoveTheTimeline) {
  // At 192 kHz one sample is a twelfth of a 16 kHz sample: what is rounded at each gap must not add up.
  test::Publisher publisher({.encoding = core::PcmEncoding::kMulaw, .sample_rate_hz = 192000});
  const std::vector<std::byte> bytes(196'580);
  const auto one = std::span(bytes).first(1);
  std::int64_t n_lost = 0;
  for (int i = 0; i < 60; ++i) {
    publisher.push(std::span(bytes).first(bytes.size() - static_cast<std::size_t>(i % 13)));
    while (publisher.ingest->has_room(1)) publisher.push(one);
    for (int lost = 0; lost <= i % 3; ++lost, ++n_lost) publisher.push(one);
    publisher.drain_all();
    const auto counters = publisher.ingest->counters();
    ASSERT_EQ(counters.dropped, n_lost);
    const auto until = position(counters.offered - i % 3 - 1, 192000);
    ASSERT_LE(counters.timeline_samples, until) << i;
    ASSERT_GE(counters.timeline_samples, until - 1) << i;
  }
  publisher.ingest->finish(EndReason::kCompleted);
  EXPECT_EQ(publisher.ingest->counters().timeline_samples, position(publisher.ingest->counters().offered, 192000));
}

}  // namespace
}  // namespace melstream::audio
