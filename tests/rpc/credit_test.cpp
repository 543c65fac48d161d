// Credit: a reader that acknowledges is held to it; one that does not is left alone.
#include "melstream/rpc/credit.hpp"

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

namespace melstream::rpc {
namespace {

constexpr std::int64_t kMs = 1'000'000;

TEST(Credit, WithoutAcknowledgementsNothingIsHeldBack) {
  Credit credit;
  for (int i = 0; i < 10'000; ++i) credit.sent(i * 10 * kMs);
  EXPECT_TRUE(credit.allows(1'000'000 * kMs));
  EXPECT_FALSE(credit.acknowledges());
}

TEST(Credit, HoldsBackOnceAResponseIsUnacknowledgedForLongerThanASecond) {
  Credit credit;
  credit.sent(0);
  credit.acknowledge(1);
  EXPECT_EQ(credit.n_unacknowledged(), 0);
  credit.sent(100 * kMs);
  credit.sent(900 * kMs);
  EXPECT_TRUE(credit.allows(1100 * kMs));
  EXPECT_FALSE(credit.allows(1101 * kMs));
  credit.acknowledge(2);
  EXPECT_TRUE(credit.allows(1900 * kMs));
  EXPECT_FALSE(credit.allows(1901 * kMs));
  credit.acknowledge(3);
  EXPECT_TRUE(credit.allows(100'000 * kMs));
}

TEST(Credit, AReaderThatAcknowledgesEachHalfSecondIsNeverHeldBack) {
  Credit credit;
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(credit.allows(i * 10 * kMs));
    credit.sent(i * 10 * kMs);
    if (i % 50 == 49) credit.acknowledge(i - 20);  // 200 ms under way
  }
}

TEST(Credit, WhoAcknowledgesLateIsHeldToItFromThenOn) {
  Credit credit;
  for (int i = 0; i < 1000; ++i) credit.sent(i * 10 * kMs);
  credit.acknowledge(1);
  EXPECT_FALSE(credit.allows(10'000 * kMs));
  credit.acknowledge(1000);
  EXPECT_TRUE(credit.allows(10'000 * kMs));
}

TEST(Credit, WhatWasNeverSentCannotBeAcknowledged) {
  Credit credit;
  EXPECT_THROW(credit.acknowledge(1), core::Error);
  credit.sent(0);
  credit.sent(0);
  EXPECT_THROW(credit.acknowledge(3), core::Error);
  credit.acknowledge(2);
  EXPECT_THROW(credit.acknowledge(1), core::Error);
  EXPECT_THROW(credit.acknowledge(-1), core::Error);
}

TEST(Credit, WhoCannotAcknowledgeAnyMoreIsLeftAlone) {
  Credit credit;
  credit.sent(0);
  credit.acknowledge(0);
  EXPECT_FALSE(credit.allows(1001 * kMs));
  credit.waive();
  EXPECT_TRUE(credit.allows(1001 * kMs));
}

}  // namespace
}  // namespace melstream::rpc
