// What the ingest does with losses that its source knows of, and with silence that the sender left out: gaps or fills,
// and their exact places.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>

#include "melstream/audio/ingest.hpp"

#include "tests/audio/ingest_accounts.hpp"
#include "tests/audio/ingest_fixture.hpp"
#include "tests/support/realtime_scope.hpp"

namespace melstream::audio {
namespace {

using core::Conceal;
using core::EndReason;
using core::FilledSpan;
using core::GapReason;
using core::IngestCounters;
using test::expect_accounted;
using test::position;
using test::resampled_alone;

/// s16 samples of one value.
std::vector<std::byte> constant_bytes(std::int16_t value, std::size_t n) {
  return test::s16_bytes(std::vector<std::int16_t>(n, value));
}

std::int64_t lost_for(const IngestCounters& counters, GapReason reason) {
  return counters.dropped_by[static_cast<std::size_t>(reason)];
}

void expect_span(const FilledSpan& span, std::int64_t begin, std::int64_t end, FilledSpan::Kind kind) {
  EXPECT_EQ(span.begin, begin);
  EXPECT_EQ(span.end, end);
  EXPECT_EQ(span.kind, kind);
}

TEST(IngestConceal, AShortLossIsMadeUpOnceTheNextSamplesCome) {
  test::Publisher publisher({}, Conceal::kZero);
  publisher.push(constant_bytes(8192, 1600));
  publisher.ingest->lose(399, GapReason::kNetLoss);
  EXPECT_EQ(publisher.feeds[0]->ring().written(), 1600);
  EXPECT_EQ(publisher.feeds[0]->filled_span(), nullptr);
  publisher.push(constant_bytes(8192, 160));
  publisher.ingest->finish(EndReason::kCompleted);
  publisher.drain_all();

  const test::Taken& taken = publisher.taken[0];
  ASSERT_EQ(taken.segments.size(), 1u);
  std::vector<float> wanted(1600 + 399 + 160, 0.25F);
  std::fill_n(wanted.begin() + 1600, 399, 0.0F);
  EXPECT_EQ(taken.all_samples(), wanted);
  ASSERT_EQ(taken.filled.size(), 1u);
  expect_span(taken.filled[0], 1600, 1999, FilledSpan::Kind::kConcealed);
  const IngestCounters counters = publisher.ingest->counters();
  EXPECT_EQ(counters.offered, 2159);
  EXPECT_EQ(counters.accepted, 1760);
  EXPECT_EQ(counters.dropped, 399);
  EXPECT_EQ(lost_for(counters, GapReason::kNetLoss), 399);
  EXPECT_EQ(counters.concealed, 399);
  EXPECT_EQ(counters.gap_samples, 0);
  EXPECT_EQ(counters.timeline_samples, 2159);
}

TEST(IngestConceal, HoldRepeatsEachChannelsLastSample) {
  test::Publisher publisher({.n_channels = 2, .channel_mode = core::ChannelMode::kSplit}, Conceal::kHold);
  publisher.push(test::s16_bytes(std::vector<std::int16_t>{1, 2, 8192, -4096}));
  publisher.ingest->lose(3, GapReason::kLate);
  publisher.push(test::s16_bytes(std::vector<std::int16_t>{3, 4}));
  publisher.drain_all();
  const float unit = 1.0F / 32768.0F;
  EXPECT_EQ(publisher.taken[0].all_samples(), (std::vector<float>{unit, 0.25F, 0.25F, 0.25F, 0.25F, 3 * unit}));
  EXPECT_EQ(publisher.taken[1].all_samples(),
            (std::vector<float>{2 * unit, -0.125F, -0.125F, -0.125F, -0.125F, 4 * unit}));
  for (const test::Taken& taken : publisher.taken) {
    ASSERT_EQ(taken.filled.size(), 1u);
    expect_span(taken.filled[0], 2, 5, FilledSpan::Kind::kConcealed);
  }
}

TEST(IngestConceal, WithoutConcealmentTheShortestLossIsAGap) {
  test::Publisher publisher({});
  publisher.push(constant_bytes(1, 100));
  publisher.ingest->lose(1, GapReason::kDecodeError);
  publisher.push(constant_bytes(2, 100));
  publisher.drain_all();
  const test::Taken& taken = publisher.taken[0];
  ASSERT_EQ(taken.segments.size(), 2u);
  EXPECT_EQ(taken.segments[1].start.timeline_begin, 101);
  EXPECT_EQ(taken.segments[1].start.reason, GapReason::kDecodeError);
  EXPECT_EQ(taken.segments[1].start.lost_source_samples, 1);
  EXPECT_TRUE(taken.filled.empty());
  EXPECT_EQ(publisher.ingest->counters().concealed, 0);
}

TEST(IngestConceal, ALossOfAWindowOrMoreIsAGap) {
  struct Limit {
    int rate_hz;
    std::int64_t longest;  ///< that is shorter than 25 ms
  };
  for (const auto& [rate_hz, longest] :
       {Limit{8000, 199}, Limit{16000, 399}, Limit{44100, 1102}, Limit{48000, 1199}, Limit{192000, 4799}}) {
    for (const std::int64_t n : {longest, longest + 1}) {
      test::Publisher publisher({.sample_rate_hz = rate_hz}, Conceal::kZero);
      publisher.push(constant_bytes(100, 2000));
      publisher.ingest->lose(n, GapReason::kNetLoss);
      publisher.push(constant_bytes(100, 2000));
      publisher.ingest->finish(EndReason::kCompleted);
      publisher.drain_all();
      const bool is_gap = n > longest;
      const IngestCounters counters = publisher.ingest->counters();
      ASSERT_EQ(publisher.taken[0].segments.size(), is_gap ? 2u : 1u) << rate_hz << " " << n;
      ASSERT_EQ(publisher.taken[0].filled.size(), is_gap ? 0u : 1u) << rate_hz << " " << n;
      EXPECT_EQ(counters.concealed, is_gap ? 0 : n);
      EXPECT_EQ(counters.dropped, n);
      EXPECT_EQ(publisher.taken[0].timeline_end(), counters.timeline_samples);
    }
  }
}

TEST(IngestConceal, LossesInARowAreOneForTheReasonThatLostMost) {
  for (const Conceal conceal : {Conceal::kNone, Conceal::kZero, Conceal::kHold}) {
    test::Publisher publisher({}, conceal);
    publisher.push(constant_bytes(1, 100));
    publisher.ingest->lose(150, GapReason::kLate);
    publisher.ingest->lose(200, GapReason::kNetLoss);
    publisher.ingest->lose(100, GapReason::kLate);  // 450 in all: no longer to be concealed
    publisher.push(constant_bytes(2, 100));
    publisher.ingest->lose(10, GapReason::kQuota);  // the next loss has a reason of its own
    publisher.ingest->lose(399, GapReason::kKernelDrop);
    publisher.push(constant_bytes(3, 100));
    publisher.drain_all();
    const test::Taken& taken = publisher.taken[0];
    ASSERT_EQ(taken.segments.size(), 3u);
    EXPECT_EQ(taken.segments[1].start.reason, GapReason::kLate);
    EXPECT_EQ(taken.segments[1].start.lost_source_samples, 450);
    EXPECT_EQ(taken.segments[1].start.timeline_begin, 550);
    EXPECT_EQ(taken.segments[2].start.reason, GapReason::kKernelDrop);
    EXPECT_EQ(taken.segments[2].start.lost_source_samples, 409);
    EXPECT_EQ(taken.segments[2].start.timeline_begin, 1059);
    EXPECT_TRUE(taken.filled.empty());
    const IngestCounters counters = publisher.ingest->counters();
    EXPECT_EQ(lost_for(counters, GapReason::kLate), 250);
    EXPECT_EQ(lost_for(counters, GapReason::kNetLoss), 200);
    EXPECT_EQ(lost_for(counters, GapReason::kQuota), 10);
    EXPECT_EQ(lost_for(counters, GapReason::kKernelDrop), 399);
    EXPECT_EQ(counters.gap_samples, 859);
  }
}

TEST(IngestConceal, AConcealedLossIsNoPartOfALaterGap) {
  test::Publisher publisher({}, Conceal::kZero);
  for (int i = 0; i < 2; ++i) {
    publisher.push(constant_bytes(1, 100));
    publisher.ingest->lose(300, GapReason::kLate);
    publisher.push(constant_bytes(1, 100));
  }
  publisher.ingest->lose(500, GapReason::kNetLoss);
  publisher.push(constant_bytes(1, 100));
  publisher.drain_all();
  ASSERT_EQ(publisher.taken[0].segments.size(), 2u);
  EXPECT_EQ(publisher.taken[0].segments[1].start.reason, GapReason::kNetLoss);
  EXPECT_EQ(publisher.taken[0].segments[1].start.lost_source_samples, 500);
}

TEST(IngestConceal, NothingIsMadeUpAtTheStartOrTheEnd) {
  test::Publisher publisher({}, Conceal::kHold);
  publisher.ingest->lose(100, GapReason::kLate);
  publisher.push(constant_bytes(1, 200));
  publisher.ingest->lose(50, GapReason::kDeviceLost);
  publisher.ingest->finish(EndReason::kSourceLost);
  publisher.drain_all();
  const test::Taken& taken = publisher.taken[0];
  ASSERT_EQ(taken.segments.size(), 2u);
  EXPECT_EQ(taken.segments[0].start.timeline_begin, 100);
  EXPECT_EQ(taken.segments[0].start.reason, GapReason::kLate);
  EXPECT_EQ(taken.segments[0].start.lost_source_samples, 100);
  EXPECT_EQ(taken.segments[0].samples.size(), 200u);
  EXPECT_EQ(taken.segments[1].start.timeline_begin, 350);
  EXPECT_EQ(taken.segments[1].start.reason, GapReason::kDeviceLost);
  EXPECT_EQ(taken.segments[1].start.lost_source_samples, 50);
  EXPECT_TRUE(taken.segments[1].samples.empty());
  EXPECT_TRUE(taken.filled.empty());
  EXPECT_EQ(publisher.ingest->counters().timeline_samples, 350);
  EXPECT_EQ(publisher.ingest->counters().gap_samples, 150);
  EXPECT_EQ(taken.n_ends, 1);
}

TEST(IngestConceal, NothingHappensAfterTheEndOrForNothing) {
  test::Publisher publisher({}, Conceal::kZero);
  publisher.push(constant_bytes(1, 10));
  publisher.ingest->lose(0, GapReason::kLate);
  publisher.ingest->lose(-5, GapReason::kLate);
  publisher.ingest->push_suppressed(0, {});
  publisher.ingest->push_suppressed(-5, {});
  EXPECT_EQ(publisher.ingest->counters().offered, 10);
  publisher.ingest->finish(EndReason::kCompleted);
  publisher.ingest->lose(5, GapReason::kLate);
  publisher.ingest->push_suppressed(5, {});
  EXPECT_EQ(publisher.ingest->counters().offered, 10);
  publisher.drain_all();
  EXPECT_EQ(publisher.taken[0].segments.size(), 1u);
}

TEST(IngestConceal, SuppressedSilenceIsAcceptedAndMarked) {
  for (const Conceal conceal : {Conceal::kNone, Conceal::kHold}) {
    test::Publisher publisher({}, conceal);
    publisher.push(constant_bytes(8192, 100));
    publisher.ingest->push_suppressed(500, {.received_mono_ns = publisher.clock.mono});
    publisher.push(constant_bytes(8192, 100));
    publisher.drain_all();
    const test::Taken& taken = publisher.taken[0];
    ASSERT_EQ(taken.segments.size(), 1u);
    ASSERT_EQ(taken.filled.size(), 1u);
    expect_span(taken.filled[0], 100, 600, FilledSpan::Kind::kSuppressed);
    EXPECT_EQ(taken.all_samples()[99], 0.25F);
    EXPECT_EQ(taken.all_samples()[100], 0.0F);
    EXPECT_EQ(taken.all_samples()[599], 0.0F);
    EXPECT_EQ(taken.all_samples()[600], 0.25F);
    const IngestCounters counters = publisher.ingest->counters();
    EXPECT_EQ(counters.accepted, 700);
    EXPECT_EQ(counters.suppressed, 500);
    EXPECT_EQ(counters.dropped, 0);
    EXPECT_EQ(counters.concealed, 0);
  }
}

TEST(IngestConceal, ALossAfterSuppressedSilenceHoldsSilence) {
  test::Publisher publisher({}, Conceal::kHold);
  publisher.push(constant_bytes(8192, 10));
  publisher.ingest->push_suppressed(10, {.received_mono_ns = publisher.clock.mono});
  publisher.ingest->lose(10, GapReason::kNetLoss);
  publisher.push(constant_bytes(8192, 10));
  publisher.drain_all();
  std::vector<float> wanted(40, 0.25F);
  std::fill_n(wanted.begin() + 10, 20, 0.0F);
  EXPECT_EQ(publisher.taken[0].all_samples(), wanted);
  ASSERT_EQ(publisher.taken[0].filled.size(), 2u);
  expect_span(publisher.taken[0].filled[0], 10, 20, FilledSpan::Kind::kSuppressed);
  expect_span(publisher.taken[0].filled[1], 20, 30, FilledSpan::Kind::kConcealed);
}

TEST(IngestConceal, AStreamMayBeginWithSuppressedSilence) {
  test::Publisher publisher({.encoding = core::PcmEncoding::kMulaw, .sample_rate_hz = 8000});
  publisher.ingest->push_suppressed(800, {.received_mono_ns = publisher.clock.mono});
  publisher.ingest->finish(EndReason::kCompleted);
  publisher.drain_all();
  EXPECT_EQ(publisher.taken[0].all_samples(), std::vector<float>(1600, 0.0F));
  ASSERT_EQ(publisher.taken[0].filled.size(), 1u);
  expect_span(publisher.taken[0].filled[0], 0, 1600, FilledSpan::Kind::kSuppressed);
  EXPECT_EQ(publisher.taken[0].segments[0].start.capture_mono_ns, publisher.clock.mono - 100'000'000);
}

TEST(IngestConceal, SuppressedSilenceWithoutRoomIsLost) {
  test::Publisher publisher({});
  publisher.push(constant_bytes(1, 16000));
  publisher.ingest->push_suppressed(385, {.received_mono_ns = publisher.clock.mono});
  publisher.push(constant_bytes(1, 100));
  publisher.drain_all();
  const IngestCounters counters = publisher.ingest->counters();
  EXPECT_EQ(lost_for(counters, GapReason::kCaptureOverflow), 385);
  EXPECT_EQ(counters.suppressed, 0);
  ASSERT_EQ(publisher.taken[0].segments.size(), 2u);
  EXPECT_TRUE(publisher.taken[0].filled.empty());
}

TEST(IngestConceal, AChunkWithoutRoomLengthensALossThatIsStillShort) {
  test::Publisher publisher({}, Conceal::kZero);
  publisher.push(constant_bytes(8192, 16384));  // full
  publisher.ingest->lose(100, GapReason::kNetLoss);
  publisher.push(constant_bytes(8192, 160));
  EXPECT_EQ(lost_for(publisher.ingest->counters(), GapReason::kCaptureOverflow), 160);
  publisher.drain_all();
  publisher.push(constant_bytes(8192, 160));
  publisher.drain_all();
  ASSERT_EQ(publisher.taken[0].segments.size(), 1u);
  ASSERT_EQ(publisher.taken[0].filled.size(), 1u);
  expect_span(publisher.taken[0].filled[0], 16384, 16644, FilledSpan::Kind::kConcealed);
  EXPECT_EQ(publisher.ingest->counters().concealed, 260);
}

TEST(IngestConceal, WhereOnlyTheSamplesHaveRoomTheLossBeforeThemIsAGap) {
  test::Publisher publisher({}, Conceal::kZero);
  publisher.push(constant_bytes(8192, 16000));
  publisher.ingest->lose(300, GapReason::kNetLoss);
  publisher.push(constant_bytes(8192, 200));  // room for 384
  publisher.drain_all();
  ASSERT_EQ(publisher.taken[0].segments.size(), 2u);
  EXPECT_EQ(publisher.taken[0].segments[1].start.lost_source_samples, 300);
  EXPECT_EQ(publisher.taken[0].segments[1].samples.size(), 200u);
  EXPECT_EQ(publisher.ingest->counters().concealed, 0);
  EXPECT_EQ(lost_for(publisher.ingest->counters(), GapReason::kCaptureOverflow), 0);
}

TEST(IngestConceal, WhereMarksHaveNoRoomLossesAreGaps) {
  test::Publisher publisher({}, Conceal::kZero);
  int n_filled = 0;
  for (int i = 0; i < 100; ++i) {
    publisher.push(constant_bytes(1, 10));
    publisher.ingest->lose(1, GapReason::kNetLoss);
    n_filled += publisher.feeds[0]->can_mark() ? 1 : 0;
  }
  publisher.push(constant_bytes(1, 10));
  publisher.ingest->push_suppressed(10, {.received_mono_ns = publisher.clock.mono});  // cannot be marked either
  publisher.ingest->finish(EndReason::kCompleted);
  publisher.drain_all();
  const IngestCounters counters = publisher.ingest->counters();
  EXPECT_GT(n_filled, 30);
  EXPECT_LT(n_filled, 100);
  EXPECT_EQ(counters.concealed, n_filled);
  EXPECT_EQ(publisher.taken[0].filled.size(), static_cast<std::size_t>(n_filled));
  EXPECT_EQ(counters.suppressed, 0);
  EXPECT_EQ(counters.dropped, 110);
  expect_accounted(publisher);
}

TEST(IngestConceal, AFastSourceWaitsForRoomForTheFillToo) {
  test::Publisher publisher({}, Conceal::kZero);
  publisher.push(constant_bytes(8192, 16000));
  publisher.ingest->lose(300, GapReason::kDecodeError);
  EXPECT_TRUE(publisher.ingest->has_room(2 * 84));
  EXPECT_FALSE(publisher.ingest->has_room(2 * 85));
  publisher.drain_all();
  EXPECT_TRUE(publisher.ingest->has_room(2 * 16084));
  // What the ring can never hold together comes behind a gap, or the source would wait for ever.
  EXPECT_TRUE(publisher.ingest->has_room(2 * 16085));
  publisher.push(constant_bytes(8192, 16085));
  EXPECT_EQ(publisher.ingest->counters().accepted, 32085);
  EXPECT_EQ(publisher.ingest->counters().concealed, 0);
}

TEST(IngestConceal, AFastSourceWaitsForRoomForTheMarkToo) {
  test::Publisher publisher({}, Conceal::kZero);
  for (;;) {
    publisher.push(constant_bytes(1, 10));
    publisher.ingest->lose(1, GapReason::kDecodeError);
    if (!publisher.feeds[0]->can_mark()) break;
  }
  EXPECT_FALSE(publisher.ingest->has_room(2));
  publisher.drain_all();
  EXPECT_TRUE(publisher.ingest->has_room(2));
  publisher.push(constant_bytes(1, 1));
  EXPECT_EQ(publisher.ingest->counters().concealed, publisher.ingest->counters().dropped);
}

TEST(IngestConceal, RoundingAtTheBrinkLosesNoSample) {
  // Room for n samples after the segment, but not for n behind a gap: both lengths are rounded up.
  int n_tried = 0;
  for (std::int64_t before = 45000; before < 45012; ++before) {
    for (std::int64_t n = 140; n < 170; ++n) {
      if (position(before + n, 44100) != 16384 || position(before, 44100) + position(n, 44100) != 16385) continue;
      ++n_tried;
      test::Publisher publisher({.sample_rate_hz = 44100}, Conceal::kZero);
      publisher.push(constant_bytes(8192, static_cast<std::size_t>(before)));
      publisher.ingest->lose(40, GapReason::kNetLoss);
      publisher.push(constant_bytes(8192, static_cast<std::size_t>(n)));
      publisher.ingest->finish(EndReason::kCompleted);
      expect_accounted(publisher);
      EXPECT_EQ(publisher.ingest->counters().dropped, 40 + n);
      publisher.drain_all();
      EXPECT_EQ(publisher.taken[0].timeline_end(), publisher.ingest->counters().timeline_samples);
    }
  }
  EXPECT_GT(n_tried, 2);
}

TEST(IngestConceal, WhatIsMadeUpArrivedWithTheSamplesAfterIt) {
  test::Publisher publisher({}, Conceal::kZero);
  publisher.push(constant_bytes(1, 100));
  publisher.ingest->lose(100, GapReason::kNetLoss);
  publisher.clock.mono += 30'000'000;
  publisher.push(constant_bytes(1, 100));
  EXPECT_EQ(publisher.feeds[0]->received_mono_ns(99), publisher.clock.mono - 30'000'000);
  EXPECT_EQ(publisher.feeds[0]->received_mono_ns(150), publisher.clock.mono);
}

class IngestConcealRates : public ::testing::TestWithParam<int> {};

TEST_P(IngestConcealRates, MarksTheExactPlacesAfterResampling) {
  const int rate_hz = GetParam();
  const auto window = static_cast<std::int64_t>(rate_hz / 40);
  test::Publisher publisher({.sample_rate_hz = rate_hz}, Conceal::kZero);
  std::vector<float> source;
  std::vector<FilledSpan> wanted;
  const auto mark = [&](std::int64_t n, FilledSpan::Kind kind) {
    const auto begin = static_cast<std::int64_t>(source.size());
    source.resize(source.size() + static_cast<std::size_t>(n), 0.0F);
    wanted.push_back({position(begin, rate_hz), position(begin + n, rate_hz), kind});
  };
  std::minstd_rand random(5);
  for (int i = 0; i < 40; ++i) {
    const std::size_t n = 1 + random() % 3000;
    publisher.push(constant_bytes(8192, n));
    source.resize(source.size() + n, 0.25F);
    if (i % 3 == 2) {
      const auto silence = static_cast<std::int64_t>(1 + random() % 2000);
      publisher.ingest->push_suppressed(silence, {.received_mono_ns = publisher.clock.mono});
      mark(silence, FilledSpan::Kind::kSuppressed);
    } else {
      const std::int64_t lost = 12 + static_cast<std::int64_t>(random()) % (window - 12);  // one sample at least
      publisher.ingest->lose(lost, GapReason::kNetLoss);
      mark(lost, FilledSpan::Kind::kConcealed);
    }
    publisher.drain_all();
    expect_accounted(publisher);
  }
  publisher.push(constant_bytes(8192, 1));
  source.push_back(0.25F);
  publisher.ingest->finish(EndReason::kCompleted);
  publisher.drain_all();
  const test::Taken& taken = publisher.taken[0];
  ASSERT_EQ(taken.segments.size(), 1u);
  EXPECT_EQ(taken.all_samples(), resampled_alone(source, rate_hz));
  ASSERT_EQ(taken.filled.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    ASSERT_TRUE(taken.filled[i] == wanted[i]) << i << ": " << taken.filled[i].begin << ", " << taken.filled[i].end;
  }
}

TEST_P(IngestConcealRates, AFillAtTheEndOfASegmentIsNotMarkedInTheNext) {
  const int rate_hz = GetParam();
  test::Publisher publisher({.sample_rate_hz = rate_hz}, Conceal::kZero);
  std::minstd_rand random(7);
  std::size_t n_filled = 0;
  for (int i = 0; i < 2000; ++i) {
    publisher.push(constant_bytes(8192, 1 + random() % 50));
    publisher.ingest->lose(1 + static_cast<std::int64_t>(random() % 30), GapReason::kNetLoss);
    publisher.push(constant_bytes(8192, 1));
    publisher.ingest->lose(rate_hz / 40 + 1 + static_cast<std::int64_t>(random() % 30), GapReason::kDeviceLost);
    publisher.drain_all();
    const test::Taken& taken = publisher.taken[0];
    std::int64_t begin = 0;
    for (const auto& segment : taken.segments) {
      const std::int64_t end = begin + static_cast<std::int64_t>(segment.samples.size());
      for (; n_filled < taken.filled.size() && taken.filled[n_filled].begin < end; ++n_filled) {
        ASSERT_GE(taken.filled[n_filled].begin, begin) << i;
        ASSERT_LE(taken.filled[n_filled].end, end) << i;
      }
      begin = end;
    }
    ASSERT_EQ(n_filled, taken.filled.size()) << i << ": a span begins past the end of its segment";
    publisher.taken[0].segments.erase(publisher.taken[0].segments.begin(), publisher.taken[0].segments.end() - 1);
    publisher.taken[0].segments[0].samples.resize(static_cast<std::size_t>(begin));  // so that indices stay
  }
}

TEST_P(IngestConcealRates, SegmentsNeverOverlapHoweverShortTheLoss) {
  const int rate_hz = GetParam();
  test::Publisher publisher({.sample_rate_hz = rate_hz});
  std::minstd_rand random(3);
  std::int64_t gap_samples = 0;
  for (int i = 0; i < 2000; ++i) {
    publisher.push(constant_bytes(8192, 1 + random() % 100));
    publisher.ingest->lose(1, GapReason::kNetLoss);
    const IngestCounters counters = publisher.ingest->counters();
    ASSERT_LE(counters.timeline_samples, position(counters.offered - 1, rate_hz)) << i;
    ASSERT_GE(counters.gap_samples, gap_samples) << i;
    gap_samples = counters.gap_samples;
    publisher.drain_all();
  }
  std::int64_t end = 0;
  for (const auto& segment : publisher.taken[0].segments) {
    ASSERT_GE(segment.start.timeline_begin, end);
    end = segment.start.timeline_begin + static_cast<std::int64_t>(segment.samples.size());
  }
}

TEST_P(IngestConcealRates, AllocatesNothing) {
  const int rate_hz = GetParam();
  test::Publisher publisher({.sample_rate_hz = rate_hz, .n_channels = 2, .channel_mode = core::ChannelMode::kSplit},
                            Conceal::kHold);
  const auto bytes = test::counting_bytes(0, static_cast<std::size_t>(rate_hz) / 50 * 2);
  const auto read = [&] {
    for (const auto& feed : publisher.feeds) {
      while (feed->boundary() != nullptr) feed->pop_boundary();
      while (feed->filled_span() != nullptr) feed->pop_filled_span();
      feed->release(feed->ring().written());
    }
  };
  const auto filled = [&] {
    publisher.push(bytes);
    publisher.ingest->lose(rate_hz / 50, GapReason::kNetLoss);
    publisher.push(bytes);
    publisher.ingest->push_suppressed(rate_hz / 50, {.received_mono_ns = publisher.clock.mono});
    read();
  };
  const auto with_gap = [&] {
    publisher.push(bytes);
    publisher.ingest->lose(rate_hz, GapReason::kNetLoss);
    read();
  };
  for (int i = 0; i < 50; ++i) filled();
  const auto heap_before = mallinfo2().uordblks;  // libsoxr uses malloc
  std::int64_t allocations = 0;
  {
    const test::RealtimeScope scope;
    for (int i = 0; i < 200; ++i) filled();
    allocations = scope.allocations();
  }
  EXPECT_EQ(allocations, 0);
  EXPECT_EQ(mallinfo2().uordblks, heap_before);
  EXPECT_EQ(publisher.ingest->counters().gap_samples, 0);
  {
    const test::RealtimeScope scope;  // libsoxr begins anew after a gap, but nothing of ours allocates
    for (int i = 0; i < 200; ++i) with_gap();
    allocations = scope.allocations();
  }
  EXPECT_EQ(allocations, 0);
  EXPECT_GT(publisher.ingest->counters().gap_samples, 0);
}

INSTANTIATE_TEST_SUITE_P(Rates, IngestConcealRates, ::testing::Values(8000, 11025, 16000, 44100, 48000, 192000),
                         [](const auto& rate) { return std::to_string(rate.param); });

}  // namespace
}  // namespace melstream::audio
