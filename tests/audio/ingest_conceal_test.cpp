// What the ingest does with losses that its source knows of, and with silence that the sender left out: gaps or fills,
// and their exact places.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/audio/ingest.hpp"

#include "tests/audio/ingest_accounts.hpp"
#include "tests/audio/ingest_fixture.hpp"

namespace melstream::audio {
namespace {

using core::Conceal;
using core::EndReason;
using core::FilledSpan;
using core::GapReason;
using core::IngestCounters;
using test::constant_bytes;
using test::expect_accounted;
using test::position;

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

}  // namespace
}  // namespace melstream::audio
