// Where fills and gaps lie at 16 kHz, at every rate: exactly, never over the edge of a segment, without an allocation.
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
using test::constant_bytes;
using test::expect_accounted;
using test::position;
using test::resampled_alone;

class IngestPlaces : public ::testing::TestWithParam<int> {};

TEST_P(IngestPlaces, MarksTheExactPlacesAfterResampling) {
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

TEST_P(IngestPlaces, AFillAtTheEndOfASegmentIsNotMarkedInTheNext) {
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

TEST_P(IngestPlaces, SegmentsNeverOverlapHoweverShortTheLoss) {
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

TEST_P(IngestPlaces, AllocatesNothing) {
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

INSTANTIATE_TEST_SUITE_P(Rates, IngestPlaces, ::testing::Values(8000, 11025, 16000, 44100, 48000, 192000),
                         [](const auto& rate) { return std::to_string(rate.param); });

}  // namespace
}  // namespace melstream::audio
