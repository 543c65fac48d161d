#include "melstream/rpc/unproven_calls.hpp"

#include <gtest/gtest.h>

namespace melstream::rpc {
namespace {

using std::chrono::milliseconds;

TEST(UnprovenCalls, EachConnectionHasAShareThatComesBack) {
  UnprovenCalls calls;
  UnprovenCalls::TimePoint now{};
  const auto take_all = [&](const char* connection) {
    int n = 0;
    while (n < 1'000 && calls.take(connection, now)) ++n;
    return n;
  };
  EXPECT_EQ(take_all("0.1"), 64);
  EXPECT_EQ(take_all("0.2"), 64);
  now += milliseconds(500);
  EXPECT_EQ(take_all("0.1"), 1);
  now += milliseconds(10'000);
  EXPECT_EQ(take_all("0.1"), 20);
  now += milliseconds(100'000);
  EXPECT_EQ(take_all("0.1"), 64) << "no more than at first";
}

TEST(UnprovenCalls, ForgetsConnectionsOnlyWhenTheirShareIsWhole) {
  UnprovenCalls calls;
  UnprovenCalls::TimePoint now{};
  while (calls.take("spent", now)) {
  }
  for (int i = 0; i < 10'000; ++i) {
    now += milliseconds(1);
    calls.take(std::to_string(i), now);
  }
  EXPECT_TRUE(calls.take("spent", now)) << "ten seconds have passed";
  int n = 1;
  while (calls.take("spent", now)) ++n;
  EXPECT_EQ(n, 20);
}

}  // namespace
}  // namespace melstream::rpc
