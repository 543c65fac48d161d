#include "melstream/pipeline/filled_log.hpp"

#include <random>

#include "gtest/gtest.h"

namespace melstream::pipeline {
namespace {

using core::FilledSpan;
constexpr auto kConcealed = FilledSpan::Kind::kConcealed;
constexpr auto kSuppressed = FilledSpan::Kind::kSuppressed;

TEST(FilledLog, CountsWhatLiesInARange) {
  FilledLog log(8);
  EXPECT_FALSE(log.touches(0, 1000));
  log.add({100, 150, kConcealed});
  log.add({200, 300, kSuppressed});
  log.add({300, 310, kConcealed});
  const auto within = [&](core::SampleIndex begin, core::SampleIndex end) {
    const Filled filled = log.within(begin, end);
    EXPECT_EQ(log.touches(begin, end), filled.n_concealed > 0 || filled.suppressed);
    return std::pair{filled.n_concealed, filled.suppressed};
  };
  EXPECT_EQ(within(0, 1000), (std::pair<std::int64_t, bool>{60, true}));
  EXPECT_EQ(within(0, 100), (std::pair<std::int64_t, bool>{0, false}));
  EXPECT_EQ(within(0, 101), (std::pair<std::int64_t, bool>{1, false}));
  EXPECT_EQ(within(149, 200), (std::pair<std::int64_t, bool>{1, false}));
  EXPECT_EQ(within(150, 200), (std::pair<std::int64_t, bool>{0, false}));
  EXPECT_EQ(within(299, 305), (std::pair<std::int64_t, bool>{5, true}));
  EXPECT_EQ(within(310, 1000), (std::pair<std::int64_t, bool>{0, false}));
  EXPECT_EQ(log.n_concealed(), 60);
  EXPECT_EQ(log.n_suppressed(), 100);
}

TEST(FilledLog, SpansThatAdjoinAreOne) {
  FilledLog log(4);
  for (core::SampleIndex at = 0; at < 3200; at += 320) log.add({at, at + 320, kSuppressed});
  EXPECT_EQ(log.spans(0, 10000), (std::vector<FilledSpan>{{0, 3200, kSuppressed}}));
  EXPECT_EQ(log.spans(100, 200), (std::vector<FilledSpan>{{100, 200, kSuppressed}}));
  log.add({3200, 3300, kConcealed});  // another kind is another span
  EXPECT_EQ(log.spans(0, 10000), (std::vector<FilledSpan>{{0, 3200, kSuppressed}, {3200, 3300, kConcealed}}));
}

TEST(FilledLog, ForgetsWhatLiesBehind) {
  FilledLog log(4);
  log.add({10, 20, kConcealed});
  log.add({30, 40, kConcealed});
  log.forget(19);
  EXPECT_TRUE(log.touches(0, 30));
  log.forget(20);
  EXPECT_FALSE(log.touches(0, 30));
  EXPECT_TRUE(log.touches(0, 31));
  log.forget(1000);
  EXPECT_FALSE(log.touches(0, 1000));
  log.add({1000, 1001, kSuppressed});
  EXPECT_TRUE(log.touches(1000, 1001));
}

TEST(FilledLog, WithoutRoomTheOldestAreOneAndNothingGoesUnmarked) {
  std::minstd_rand random(1);
  FilledLog log(16);
  std::vector<FilledSpan::Kind> kinds;  // of marked samples
  std::vector<bool> marked;
  const auto is_concealed = [&](std::size_t i) { return marked[i] && kinds[i] == kConcealed; };
  for (int i = 0; i < 400; ++i) {
    const std::size_t begin = marked.size() + 1 + random() % 30;
    const std::size_t end = begin + 1 + random() % 30;
    const FilledSpan::Kind kind = random() % 2 == 0 ? kConcealed : kSuppressed;
    marked.resize(begin, false);
    marked.resize(end, true);
    kinds.resize(end, kind);
    log.add({static_cast<core::SampleIndex>(begin), static_cast<core::SampleIndex>(end), kind});
    // The newest are exact.
    std::int64_t n_concealed = 0;
    const std::size_t from = marked.size() - std::min<std::size_t>(marked.size(), 20);
    for (std::size_t at = from; at < end; ++at) n_concealed += is_concealed(at) ? 1 : 0;
    ASSERT_EQ(log.within(static_cast<core::SampleIndex>(from), static_cast<core::SampleIndex>(end)).n_concealed,
              n_concealed);
  }
  for (std::size_t at = 0; at < marked.size(); ++at) {
    const auto index = static_cast<core::SampleIndex>(at);
    const Filled filled = log.within(index, index + 1);
    if (marked[at]) {
      ASSERT_TRUE(kinds[at] == kConcealed ? filled.n_concealed > 0 : filled.suppressed) << at;
    }
    ASSERT_LE(filled.n_concealed, 1);
  }
  EXPECT_LE(log.spans(0, 1'000'000).size(), 17U);
}

}  // namespace
}  // namespace melstream::pipeline
