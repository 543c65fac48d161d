#include "melstream/core/histogram.hpp"

#include <array>
#include <cstdint>
#include <thread>

#include <gtest/gtest.h>

namespace melstream::core {
namespace {

constexpr std::array<std::int64_t, 3> kBounds{10, 20, 50};
using Buckets = std::array<std::int64_t, 4>;

TEST(Histogram, PutsEachValueIntoTheFirstBucketWhoseBoundItDoesNotPass) {
  Histogram<kBounds> histogram;
  for (const std::int64_t value : {-5, 10, 11, 20, 50, 51, 1'000'000}) histogram.observe(value);
  EXPECT_EQ(histogram.counts().counts, (Buckets{2, 2, 1, 2}));
  EXPECT_EQ(histogram.counts().sum, -5 + 10 + 11 + 20 + 50 + 51 + 1'000'000);
}

TEST(Histogram, CountsAValueAsOftenAsItIsTold) {
  Histogram<kBounds> histogram;
  histogram.observe(15, 7);
  EXPECT_EQ(histogram.counts().counts, (Buckets{0, 7, 0, 0}));
  EXPECT_EQ(histogram.counts().sum, 105);
}

TEST(Histogram, TakesATallyAsItsValues) {
  Histogram<kBounds>::Counts tally;
  tally.add(5);
  tally.add(40, 2);
  Histogram<kBounds> histogram;
  histogram.observe(5);
  histogram.add(tally);
  EXPECT_EQ(histogram.counts().counts, (Buckets{2, 0, 2, 0}));
  EXPECT_EQ(histogram.counts().sum, 90);
}

TEST(Histogram, LosesNothingOfSeveralThreads) {
  Histogram<kBounds> histogram;
  const auto observe_many = [&histogram] {
    for (int i = 0; i < 10'000; ++i) histogram.observe(i % 60);
  };
  std::thread other(observe_many);
  observe_many();
  other.join();
  std::int64_t n = 0;
  for (const std::int64_t count : histogram.counts().counts) n += count;
  EXPECT_EQ(n, 20'000);
}

}  // namespace
}  // namespace melstream::core
