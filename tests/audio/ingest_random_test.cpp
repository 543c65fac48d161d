// Invariant I1 after every call of an ingest, in any order that a source may call it; and what must have come of it.
#include <algorithm>
#include <random>
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
using test::expect_accounted;
using test::position;
using test::resampled_alone;

/// Does to an ingest what sources and the tick thread may do, in any order, and keeps what must have come of it.
class RandomSource {
 public:
  RandomSource(const core::PcmFormat& format, Conceal conceal, std::uint32_t seed)
      : publisher(format, conceal), conceal_(conceal), random_(seed) {}

  /// One call, whatever it is.
  void step() {
    publisher.clock.mono += 1'000'000;
    publisher.clock.wall += 1'000'000;
    const std::uint32_t what = next(100);
    if (what < 45) push(1 + next(next(8) == 0 ? 9000 : 700));
    if (what >= 45 && what < 70) lose(1 + next(next(4) == 0 ? 5000 : 300));
    if (what >= 70 && what < 78) suppress(1 + next(2000));
    if (what >= 78) drain();
  }
  void drain() {
    // One feed may be read later than the other.
    const std::size_t n = next(2) == 0 ? publisher.feeds.size() : next(2);
    for (std::size_t i = 0; i < std::min(n, publisher.feeds.size()); ++i) {
      test::drain(*publisher.feeds[i], publisher.taken[i]);
    }
  }
  void finish() {
    if (n_lost_ > 0) gaps.push_back(n_lost_);
    publisher.ingest->finish(EndReason::kCompleted);
    publisher.drain_all();
  }

  test::Publisher publisher;
  std::vector<std::vector<float>> segments;  ///< source samples of each, made-up ones in place
  std::vector<std::int64_t> gaps;            ///< source samples lost before each segment but the first, and at the end
  std::int64_t n_lost_at_start = 0;

 private:
  std::uint32_t next(std::uint32_t n) { return static_cast<std::uint32_t>(random_() >> 3) % n; }

  /// The samples came or went: what became of the loss before them?
  void settle(const IngestCounters& before) {
    const IngestCounters after = publisher.ingest->counters();
    const std::int64_t n_concealed = after.concealed - before.concealed;
    if (n_concealed > 0) {
      ASSERT_EQ(n_concealed, n_lost_);
      ASSERT_FALSE(segments.empty());
      const float value = conceal_ == Conceal::kHold ? segments.back().back() : 0.0F;
      segments.back().resize(segments.back().size() + static_cast<std::size_t>(n_concealed), value);
      n_lost_ = 0;
    }
    if (after.accepted == before.accepted) return;
    if (segments.empty()) n_lost_at_start = n_lost_;
    if (!segments.empty() && n_lost_ > 0) gaps.push_back(n_lost_);
    if (segments.empty() || n_lost_ > 0) segments.emplace_back();
    n_lost_ = 0;
  }
  void push(std::uint32_t n) {
    const IngestCounters before = publisher.ingest->counters();
    const auto n_channels = static_cast<std::size_t>(publisher.format.n_channels);
    std::vector<std::int16_t> values(n * n_channels);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<std::int16_t>((before.offered + static_cast<std::int64_t>(i / n_channels)) * 37);
    }
    const std::vector<std::byte> bytes = test::s16_bytes(values);
    const bool promised = publisher.ingest->has_room(bytes.size());
    publisher.push(bytes);
    const IngestCounters after = publisher.ingest->counters();
    ASSERT_EQ(after.offered, before.offered + n);
    if (promised) {
      ASSERT_EQ(after.accepted, before.accepted + n);
    }
    settle(before);
    if (after.accepted == before.accepted) {
      n_lost_ += n;
      return;
    }
    for (std::size_t i = 0; i < n; ++i) {
      segments.back().push_back(static_cast<float>(values[i * n_channels]) / 32768.0F);
    }
  }
  void lose(std::uint32_t n) {
    publisher.ingest->lose(n, static_cast<GapReason>(next(6)));
    n_lost_ += n;
  }
  void suppress(std::uint32_t n) {
    const IngestCounters before = publisher.ingest->counters();
    publisher.ingest->push_suppressed(n, {.received_mono_ns = publisher.clock.mono});
    settle(before);
    if (publisher.ingest->counters().accepted == before.accepted) {
      n_lost_ += n;
    } else {
      segments.back().resize(segments.back().size() + n, 0.0F);
    }
  }

  const Conceal conceal_;
  std::minstd_rand random_;
  std::int64_t n_lost_ = 0;
};

struct RandomCase {
  int rate_hz;
  int n_channels;
  Conceal conceal;
};

class IngestAtEveryMoment : public ::testing::TestWithParam<RandomCase> {
 protected:
  static core::PcmFormat format() {
    return {.sample_rate_hz = GetParam().rate_hz,
            .n_channels = GetParam().n_channels,
            .channel_mode = core::ChannelMode::kSplit};
  }
};

TEST_P(IngestAtEveryMoment, EverySampleIsAccountedFor) {
  const int rate_hz = GetParam().rate_hz;
  for (std::uint32_t seed = 1; seed <= 3; ++seed) {
    RandomSource source(format(), GetParam().conceal, seed);
    for (int i = 0; i < 3000; ++i) {
      source.step();
      expect_accounted(source.publisher);
      ASSERT_FALSE(HasFatalFailure()) << "seed " << seed << " step " << i;
    }
    source.finish();
    expect_accounted(source.publisher);
    const IngestCounters counters = source.publisher.ingest->counters();
    ASSERT_GT(counters.dropped, 0);
    ASSERT_GT(counters.suppressed, 0);
    ASSERT_EQ(counters.concealed > 0, GetParam().conceal != Conceal::kNone);
    for (const test::Taken& taken : source.publisher.taken) {
      const bool has_gap_at_end = source.gaps.size() == source.segments.size();
      ASSERT_EQ(taken.segments.size(), source.segments.size() + (has_gap_at_end ? 1 : 0));
      std::int64_t offered = source.n_lost_at_start;
      std::int64_t capture_end_ns = 0;
      for (std::size_t i = 0; i < taken.segments.size(); ++i) {
        const auto& [start, samples] = taken.segments[i];
        ASSERT_EQ(start.timeline_begin, position(offered, rate_hz));
        ASSERT_EQ(start.lost_source_samples, i == 0 ? source.n_lost_at_start : source.gaps[i - 1]);
        ASSERT_GE(start.capture_wall_ns, capture_end_ns);
        capture_end_ns = start.capture_wall_ns + core::samples_to_ns(static_cast<std::int64_t>(samples.size()));
        if (i == source.segments.size()) break;
        const std::vector<float> wanted = resampled_alone(source.segments[i], rate_hz);
        ASSERT_GE(samples.size() + 1, wanted.size());
        ASSERT_LE(samples.size(), wanted.size());
        ASSERT_TRUE(std::equal(samples.begin(), samples.end(), wanted.begin())) << "segment " << i;
        offered += static_cast<std::int64_t>(source.segments[i].size());
        if (i < source.gaps.size()) offered += source.gaps[i];
      }
      ASSERT_EQ(offered, counters.offered);
      ASSERT_EQ(taken.timeline_end(), counters.timeline_samples);
    }
  }
}

TEST_P(IngestAtEveryMoment, MarksWhatNoSourceSentAndNothingElse) {
  RandomSource source(format(), GetParam().conceal, 4);
  for (int i = 0; i < 3000; ++i) source.step();
  source.finish();
  const IngestCounters counters = source.publisher.ingest->counters();
  for (const test::Taken& taken : source.publisher.taken) {
    double n_concealed = 0;
    double n_suppressed = 0;
    core::SampleIndex end = 0;
    for (const FilledSpan& span : taken.filled) {
      ASSERT_GE(span.begin, end);
      ASSERT_GT(span.end, span.begin);
      end = span.end;
      (span.kind == FilledSpan::Kind::kConcealed ? n_concealed : n_suppressed) +=
          static_cast<double>(span.end - span.begin);
    }
    ASSERT_LE(end, static_cast<core::SampleIndex>(taken.all_samples().size()));
    // Each span's ends are rounded: half a sample each.
    const double slack = static_cast<double>(taken.filled.size()) * (GetParam().rate_hz == 16000 ? 0 : 1) + 1e-9;
    const double to_16k = 16000.0 / GetParam().rate_hz;
    EXPECT_NEAR(n_concealed, static_cast<double>(counters.concealed) * to_16k, slack);
    EXPECT_NEAR(n_suppressed, static_cast<double>(counters.suppressed) * to_16k, slack);
  }
}

TEST_P(IngestAtEveryMoment, AStepOfTheWallClockChangesNoIndex) {
  RandomSource steady(format(), GetParam().conceal, 9);
  RandomSource stepped(format(), GetParam().conceal, 9);
  std::minstd_rand random(1);
  for (int i = 0; i < 2000; ++i) {
    stepped.publisher.clock.wall += (static_cast<std::int64_t>(random() % 2001) - 1000) * 3'600'000'000'000;
    steady.step();
    stepped.step();
  }
  steady.finish();
  stepped.finish();
  for (std::size_t feed = 0; feed < steady.publisher.taken.size(); ++feed) {
    const test::Taken& a = steady.publisher.taken[feed];
    const test::Taken& b = stepped.publisher.taken[feed];
    ASSERT_EQ(a.segments.size(), b.segments.size());
    std::int64_t capture_end_ns = 0;
    for (std::size_t i = 0; i < a.segments.size(); ++i) {
      ASSERT_EQ(a.segments[i].samples, b.segments[i].samples);
      ASSERT_EQ(a.segments[i].start.timeline_begin, b.segments[i].start.timeline_begin);
      ASSERT_EQ(a.segments[i].start.capture_mono_ns, b.segments[i].start.capture_mono_ns);
      ASSERT_GE(b.segments[i].start.capture_wall_ns, capture_end_ns);
      capture_end_ns = b.segments[i].start.capture_wall_ns +
                       core::samples_to_ns(static_cast<std::int64_t>(b.segments[i].samples.size()));
    }
    ASSERT_TRUE(std::equal(a.filled.begin(), a.filled.end(), b.filled.begin(), b.filled.end()));
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, IngestAtEveryMoment,
                         ::testing::Values(RandomCase{16000, 1, Conceal::kNone}, RandomCase{16000, 2, Conceal::kZero},
                                           RandomCase{8000, 1, Conceal::kHold}, RandomCase{44100, 1, Conceal::kZero},
                                           RandomCase{44100, 2, Conceal::kHold}, RandomCase{48000, 1, Conceal::kZero},
                                           RandomCase{192000, 1, Conceal::kZero}, RandomCase{11025, 1, Conceal::kNone}),
                         [](const auto& one) {
                           return std::to_string(one.param.rate_hz) + "_" + std::to_string(one.param.n_channels) + "_" +
                                  std::to_string(static_cast<int>(one.param.conceal));
                         });

}  // namespace
}  // namespace melstream::audio
