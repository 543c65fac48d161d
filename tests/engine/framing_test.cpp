// Frame arithmetic against its definitions, spelled out sample by sample.
#include "melstream/engine/framing.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace melstream::engine {
namespace {

constexpr std::int64_t kLongest = 2000;

struct Case {
  const char* name;
  FrameGeometry geometry;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"whisper", {400, 160, 200, 0, Edge::kReflect, FrameCount::kFloor}},
      {"torchaudio", {400, 160, 200, 0, Edge::kReflect, FrameCount::kFloorPlusOne}},
      {"librosa", {400, 160, 200, 0, Edge::kZeros, FrameCount::kFloorPlusOne}},
      {"kaldi", {400, 160, 120, 0, Edge::kSymmetric, FrameCount::kRounded}},
      {"kaldi_snip", {400, 160, 0, 0, Edge::kNone, FrameCount::kSnip}},
      {"nemo", {400, 160, 200, 1, Edge::kZeros, FrameCount::kFloor}},
      {"snip_lead", {200, 80, 0, 1, Edge::kNone, FrameCount::kSnip}},
      {"odd_hop", {77, 31, 23, 0, Edge::kSymmetric, FrameCount::kRounded}},
      {"left_is_window", {64, 48, 64, 0, Edge::kReflect, FrameCount::kFloorPlusOne}},
      {"left_is_0", {100, 40, 0, 0, Edge::kReflect, FrameCount::kFloorPlusOne}},
      {"left_is_0_symmetric", {100, 30, 0, 0, Edge::kSymmetric, FrameCount::kFloorPlusOne}},
      {"mostly_left", {100, 30, 70, 0, Edge::kSymmetric, FrameCount::kRounded}},
      {"mostly_right", {100, 30, 10, 0, Edge::kSymmetric, FrameCount::kRounded}},
      {"hop_over_window_rounded", {50, 120, 30, 0, Edge::kZeros, FrameCount::kRounded}},
      {"hop_over_window", {50, 120, 25, 0, Edge::kZeros, FrameCount::kFloor}},
      {"hop_over_window_reflect", {50, 120, 10, 0, Edge::kReflect, FrameCount::kFloor}},
      {"hop_is_window", {64, 64, 32, 0, Edge::kSymmetric, FrameCount::kFloorPlusOne}},
  };
  return all;
}

/// The definition: one step of reflection at a time. Empty: a zero.
std::optional<std::int64_t> resolved(Edge edge, std::int64_t i, std::int64_t n) {
  while (i < 0 || i >= n) {
    if (edge == Edge::kNone || edge == Edge::kZeros) return std::nullopt;
    if (edge == Edge::kReflect) {
      if (n == 1) return 0;
      i = i < 0 ? -i : 2 * (n - 1) - i;
    } else {
      i = i < 0 ? -1 - i : 2 * n - 1 - i;
    }
  }
  return i;
}

/// The definition: count the frames that there are, one by one.
std::int64_t counted_frames(const FrameGeometry& g, std::int64_t n) {
  if (n == 0 || (g.edge == Edge::kReflect && n <= g.left)) return 0;
  const auto exists = [&](std::int64_t t) {
    switch (g.count) {
      case FrameCount::kFloor:
        return (t + 1) * g.hop <= n;
      case FrameCount::kFloorPlusOne:
        return t * g.hop <= n;
      case FrameCount::kRounded:
        return (t + 1) * g.hop <= n + g.hop / 2;
      case FrameCount::kSnip:
        return t * g.hop + g.window <= n;
    }
    return false;
  };
  std::int64_t t = 0;
  while (exists(t)) ++t;
  return t;
}

/// What frame t reads of a segment of n samples, in order; -1 for a zero.
std::vector<std::int64_t> reads(const FrameGeometry& g, std::int64_t t, std::int64_t n) {
  std::vector<std::int64_t> samples;
  for (std::int64_t i = t * g.hop - g.left - g.lead; i < t * g.hop - g.left + g.window; ++i) {
    samples.push_back(resolved(g.edge, i, n).value_or(-1));
  }
  return samples;
}

/// Smallest range that holds all samples that were read.
IndexRange hull(const std::vector<std::int64_t>& samples) {
  IndexRange range{kOpenEnd, 0};
  for (const std::int64_t i : samples) {
    if (i < 0) continue;
    range = {std::min(range.begin, i), std::max(range.end, i + 1)};
  }
  return range.end == 0 ? IndexRange{} : range;
}

IndexRange joined(const IndexRange& a, const IndexRange& b) {
  if (a.size() == 0) return b;
  if (b.size() == 0) return a;
  return {std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

class FramingTest : public testing::TestWithParam<Case> {
 protected:
  const FrameGeometry& geometry() const { return GetParam().geometry; }
  /// Between frames lie samples that none reads: a range of several frames then holds more than is read.
  bool has_holes() const { return geometry().hop > geometry().window; }
};

TEST_P(FramingTest, CountsFramesAsDefined) {
  for (std::int64_t n = 0; n <= kLongest; ++n) {
    ASSERT_EQ(frame_count(geometry(), n), counted_frames(geometry(), n)) << n << " samples";
  }
}

TEST_P(FramingTest, AFrameIsReadyAsSoonAsNoLaterSampleCanChangeIt) {
  const FrameGeometry& g = geometry();
  constexpr std::int64_t kEndless = 1'000'000;
  std::vector<std::int64_t> needs;  // samples that frame t reads of an endless segment
  for (std::int64_t t = 0; t <= kLongest / g.hop + 2; ++t) needs.push_back(hull(reads(g, t, kEndless)).end);
  for (std::int64_t n = 0; n <= kLongest; ++n) {
    const std::int64_t frames = counted_frames(g, n);
    std::int64_t expected = 0;
    while (expected < frames && needs[static_cast<std::size_t>(expected)] <= n) ++expected;
    ASSERT_EQ(frames_ready(g, n), expected) << n << " samples";
  }
}

TEST_P(FramingTest, WhatIsReadyStaysTheSameHoweverTheSegmentGoesOn) {
  const FrameGeometry& g = geometry();
  std::int64_t before = 0;
  for (std::int64_t n = 0; n <= kLongest; ++n) {
    const std::int64_t ready = frames_ready(g, n);
    ASSERT_GE(ready, before);
    for (std::int64_t t = std::max<std::int64_t>(0, ready - 3); t < ready; ++t) {
      const auto open = reads(g, t, n);
      for (const std::int64_t longer : {n + 1, n + 2, n + g.hop, n + 3 * g.window}) {
        ASSERT_LE(ready, frame_count(g, longer));
        ASSERT_EQ(reads(g, t, longer), open) << "frame " << t << " of " << n << " samples, then " << longer;
      }
    }
    before = ready;
  }
}

TEST_P(FramingTest, SamplesOfFramesAreExactlyThoseThatAreRead) {
  const FrameGeometry& g = geometry();
  for (std::int64_t n = 0; n <= kLongest; n += n < 700 ? 1 : 7) {
    const std::int64_t frames = frame_count(g, n);
    const std::int64_t ready = frames_ready(g, n);
    std::vector<IndexRange> hulls;
    for (std::int64_t t = 0; t < frames; ++t) hulls.push_back(hull(reads(g, t, n)));
    for (std::int64_t first = 0; first < frames; ++first) {
      IndexRange expected = hulls[static_cast<std::size_t>(first)];
      for (std::int64_t count = 1; first + count <= frames; ++count) {
        expected = joined(expected, hulls[static_cast<std::size_t>(first + count - 1)]);
        const IndexRange closed = samples_of_frames(g, first, count, n);
        if (has_holes() && count > 1) {
          ASSERT_LE(closed.begin, expected.begin);
          ASSERT_GE(closed.end, expected.end);
          ASSERT_LE(closed.end, n);
        } else {
          ASSERT_EQ(closed, expected) << "frames " << first << " + " << count << " of " << n << " samples";
        }
        if (first + count > ready) continue;
        ASSERT_EQ(samples_of_frames(g, first, count, kOpenEnd), closed)
            << "frames " << first << " + " << count << ", open";
      }
    }
  }
}

TEST_P(FramingTest, NoFramesReadNoSamples) {
  EXPECT_EQ(samples_of_frames(geometry(), 3, 0, 4000).size(), 0);
  EXPECT_EQ(samples_of_frames(geometry(), 0, 1, 0).size(), 0);
}

TEST_P(FramingTest, ResolvesEdgesAsDefined) {
  const Edge edge = geometry().edge;
  for (std::int64_t n = 0; n <= 60; ++n) {
    for (std::int64_t i = -300; i <= 300; ++i) {
      const std::int64_t expected = n == 0 ? -1 : resolved(edge, i, n).value_or(-1);
      ASSERT_EQ(resolve_edge(edge, i, n), expected) << "position " << i << " of " << n;
    }
  }
}

TEST_P(FramingTest, ResolvesTheStartOfASegmentThatGrows) {
  const Edge edge = geometry().edge;
  for (std::int64_t i = -300; i <= 300; ++i) {
    ASSERT_EQ(resolve_edge(edge, i, kOpenEnd), resolved(edge, i, 1'000'000).value_or(-1)) << "position " << i;
  }
}

std::vector<RowGeometry> row_geometries(const FrameGeometry& frame) {
  std::vector<RowGeometry> rows = {
      {frame, {}, Smoothing::kNone}, {frame, {}, Smoothing::kBox3x3}, {frame, {}, Smoothing::kBox3x3Valid}};
  for (const LowFrameRate lfr : {LowFrameRate{7, 6}, LowFrameRate{1, 3}, LowFrameRate{4, 1}, LowFrameRate{2, 2}}) {
    rows.push_back({frame, lfr, Smoothing::kNone});
  }
  return rows;
}

/// Base frames of row i, of T frames, straight from the definitions.
std::set<std::int64_t> frames_of_row(const RowGeometry& g, std::int64_t row, std::int64_t frames) {
  std::set<std::int64_t> used;
  if (g.smoothing == Smoothing::kBox3x3) {
    for (std::int64_t t = row - 1; t <= row + 1; ++t) {
      if (t >= 0 && t < frames) used.insert(t);
    }
  } else if (g.smoothing == Smoothing::kBox3x3Valid) {
    used = {row, row + 1, row + 2};
  } else {
    for (std::int64_t k = 0; k < g.lfr.m; ++k) {
      used.insert(std::clamp<std::int64_t>(g.lfr.n * row - g.lfr.m / 2 + k, 0, frames - 1));
    }
  }
  return used;
}

std::int64_t counted_rows(const RowGeometry& g, std::int64_t frames) {
  if (g.smoothing == Smoothing::kBox3x3Valid) return frames < 3 ? 0 : frames - 2;
  std::int64_t rows = 0;
  while (rows * g.lfr.n < frames) ++rows;
  return rows;
}

TEST_P(FramingTest, RowsAreMadeOfTheFramesOfTheirDefinition) {
  for (const RowGeometry& g : row_geometries(geometry())) {
    for (std::int64_t n = 0; n <= kLongest; n += 3) {
      const std::int64_t frames = counted_frames(g.frame, n);
      const std::int64_t rows = counted_rows(g, frames);
      ASSERT_EQ(row_count(g, n), rows) << n << " samples";
      for (std::int64_t row = 0; row < rows; ++row) {
        const auto used = frames_of_row(g, row, frames);
        const IndexRange range{*used.begin(), *used.rbegin() + 1};
        ASSERT_EQ(frames_of_rows(g, row, 1, n), range) << "row " << row << " of " << n << " samples";
        ASSERT_EQ(samples_of_rows(g, row, 1, n), samples_of_frames(g.frame, range.begin, range.size(), n));
      }
      if (rows == 0) continue;
      const IndexRange all{*frames_of_row(g, 0, frames).begin(), *frames_of_row(g, rows - 1, frames).rbegin() + 1};
      ASSERT_EQ(frames_of_rows(g, 0, rows, n), all);
    }
  }
}

TEST_P(FramingTest, ARowIsReadyAsSoonAsNoLaterFrameCanChangeIt) {
  constexpr std::int64_t kManyFrames = 100'000;
  for (const RowGeometry& g : row_geometries(geometry())) {
    for (std::int64_t n = 0; n <= kLongest; ++n) {
      const std::int64_t frames = frames_ready(g.frame, n);
      std::int64_t expected = 0;
      while (*frames_of_row(g, expected, kManyFrames).rbegin() < frames) ++expected;
      ASSERT_EQ(rows_ready(g, n), expected) << n << " samples";
      if (expected == 0) continue;
      // Clamps at the end of the segment do not touch it: open and any longer segment agree.
      const IndexRange open = frames_of_rows(g, expected - 1, 1, kOpenEnd);
      for (const std::int64_t longer : {n, n + 1, n + 2 * g.frame.hop}) {
        ASSERT_EQ(frames_of_rows(g, expected - 1, 1, longer), open);
        ASSERT_EQ(samples_of_rows(g, expected - 1, 1, longer), samples_of_rows(g, expected - 1, 1, kOpenEnd));
        ASSERT_LE(expected, row_count(g, longer));
      }
    }
  }
}

TEST_P(FramingTest, DroppedSamplesAreNeverReadAgain) {
  for (const RowGeometry& g : row_geometries(geometry())) {
    for (std::int64_t n = 0; n <= kLongest; n += 3) {
      const std::int64_t rows = row_count(g, n);
      for (std::int64_t row = 0; row < rows; ++row) {
        const IndexRange read = samples_of_rows(g, row, 1, n);
        if (read.size() == 0) continue;
        ASSERT_LE(first_sample_needed(g, row), read.begin) << "row " << row << " of " << n << " samples";
      }
    }
  }
}

TEST_P(FramingTest, ARowWaitsForNoMoreThanItsLookahead) {
  for (const RowGeometry& g : row_geometries(geometry())) {
    const std::int64_t row = 4 * (g.frame.window + g.frame.left) / row_stride(g) + 4;  // away from the start
    const std::int64_t enough = row * row_stride(g) + row_lookahead(g);
    EXPECT_GT(rows_ready(g, enough), row);
    EXPECT_LE(rows_ready(g, enough - 1), row);
    EXPECT_EQ(row_span(g), enough - first_sample_needed(g, row));
  }
}

TEST_P(FramingTest, HoldsAfterYearsOfAudio) {
  // 2^45 samples are 69 years; a multiple of every hop and stride, so that the pattern of the start repeats.
  for (const RowGeometry& g : row_geometries(geometry())) {
    const std::int64_t period = row_stride(g);
    const std::int64_t far = (std::int64_t{1} << 45) / period * period;
    const std::int64_t rows = far / period;
    const std::int64_t near = 40 * period;
    EXPECT_EQ(row_count(g, far + near) - rows, row_count(g, near));
    EXPECT_EQ(rows_ready(g, far + near) - rows, rows_ready(g, near));
    const std::int64_t row = row_count(g, near) - 1;
    const IndexRange at_start = samples_of_rows(g, row, 1, near);
    const IndexRange at_end = samples_of_rows(g, rows + row, 1, far + near);
    EXPECT_EQ(at_end, (IndexRange{far + at_start.begin, far + at_start.end}));
  }
}

INSTANTIATE_TEST_SUITE_P(Geometries, FramingTest, testing::ValuesIn(cases()),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(Framing, WhisperNeedsMoreSamplesThanItReflects) {
  const FrameGeometry whisper{400, 160, 200, 0, Edge::kReflect, FrameCount::kFloor};
  EXPECT_EQ(frame_count(whisper, 200), 0);
  EXPECT_EQ(frame_count(whisper, 201), 1);
  EXPECT_EQ(frames_ready(whisper, 200), 0);
  EXPECT_EQ(frames_ready(whisper, 201), 1);
}

TEST(Framing, DelaysAreThoseOfTheFrontEnds) {
  const FrameGeometry whisper{400, 160, 200, 0, Edge::kReflect, FrameCount::kFloor};
  const FrameGeometry snipped{400, 160, 0, 0, Edge::kNone, FrameCount::kSnip};
  EXPECT_EQ(row_lookahead({whisper, {}, Smoothing::kNone}), 200);
  EXPECT_EQ(row_lookahead({whisper, {}, Smoothing::kBox3x3}), 360);
  EXPECT_EQ(row_lookahead({whisper, {}, Smoothing::kBox3x3Valid}), 520);
  EXPECT_EQ(row_lookahead({snipped, {7, 6}, Smoothing::kNone}), 400 + 3 * 160);
  EXPECT_EQ(row_stride({snipped, {7, 6}, Smoothing::kNone}), 960);
  EXPECT_EQ(row_span({whisper, {}, Smoothing::kNone}), 400);
  EXPECT_EQ(row_span({snipped, {7, 6}, Smoothing::kNone}), 400 + 6 * 160);
}

}  // namespace
}  // namespace melstream::engine
