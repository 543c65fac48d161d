// The search for the largest load.
#include "client/load/capacity_search.hpp"

#include <gtest/gtest.h>

namespace melstream::client {
namespace {

/// Searches with a daemon that carries `capacity`. Returns the number of runs.
int search(CapacitySearch& search, int capacity) {
  int n = 0;
  for (; !search.done() && n < 60; ++n) search.report(search.next() <= capacity);
  EXPECT_LT(n, 60);
  return n;
}

TEST(CapacitySearch, FindsTheLargestToATwentieth) {
  for (const int capacity : {1, 2, 7, 99, 100, 101, 1234, 19'999}) {
    for (const int first : {1, 100, 5000}) {
      CapacitySearch one(first, 20'000);
      search(one, capacity);
      EXPECT_LE(one.largest(), capacity);
      EXPECT_GE(one.largest() + one.largest() / 20 + 1, capacity) << first;
      EXPECT_FALSE(one.reached_most());
    }
  }
}

TEST(CapacitySearch, DoublesThenBisects) {
  CapacitySearch one(100, 1'000'000);
  one.report(true);
  EXPECT_EQ(one.next(), 200);
  one.report(true);
  EXPECT_EQ(one.next(), 400);
  one.report(false);
  EXPECT_EQ(one.next(), 300);
}

TEST(CapacitySearch, NeverGoesBeyondTheMost) {
  CapacitySearch one(100, 256);
  EXPECT_EQ(search(one, 1'000'000), 3);
  EXPECT_EQ(one.largest(), 256);
  EXPECT_TRUE(one.reached_most());
  const CapacitySearch few(100, 10);
  EXPECT_EQ(few.next(), 10);
}

TEST(CapacitySearch, EndsWhereNothingIsCarried) {
  CapacitySearch none(64, 1000);
  search(none, 0);
  EXPECT_EQ(none.largest(), 0);
  EXPECT_TRUE(none.done());
}

}  // namespace
}  // namespace melstream::client
