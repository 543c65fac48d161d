#include "melstream/access/usage.hpp"

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

namespace melstream::access {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

template <typename Action>
std::string refusal_of(Action action) {
  try {
    action();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), core::ErrorCode::kResourceExhausted);
    return error.what();
  }
  return {};
}

TEST(Usage, LimitsConnectionsButNotCallsOfOne) {
  Usage usage("identity 'a'", {.max_connections = 2}, 0);
  usage.begin_call(1, false, 0);
  usage.begin_call(1, false, 0);
  usage.begin_call(2, false, 0);
  EXPECT_NE(refusal_of([&] { usage.begin_call(3, false, 0); }).find("limits.connections_per_identity"),
            std::string::npos);
  usage.end_call(1, false);
  EXPECT_NE(refusal_of([&] { usage.begin_call(3, false, 0); }), "");
  usage.end_call(1, false);
  EXPECT_EQ(refusal_of([&] { usage.begin_call(3, false, 0); }), "");
}

TEST(Usage, LimitsSubscriptionsAndStreams) {
  Usage usage("identity 'a'", {.max_streams = 3, .max_subscriptions = 1}, 0);
  usage.begin_call(1, true, 0);
  EXPECT_NE(refusal_of([&] { usage.begin_call(1, true, 0); }).find("limits.subscriptions_per_identity"),
            std::string::npos);
  usage.begin_call(1, false, 0);  // another kind of call
  usage.end_call(1, true);
  EXPECT_EQ(refusal_of([&] { usage.begin_call(1, true, 0); }), "");
  usage.begin_streams(2);
  EXPECT_NE(refusal_of([&] { usage.begin_streams(2); }).find("limits.streams_per_identity"), std::string::npos);
  usage.begin_streams(1);
  usage.end_streams(2);
  usage.begin_streams(2);
}

TEST(Usage, LimitsHowFastSubscriptionsCome) {
  Usage usage("identity 'a'", {.subscriptions_per_s = 2}, 0);
  for (int i = 0; i < 10; ++i) usage.begin_call(1, true, 0);  // five seconds' worth
  EXPECT_NE(refusal_of([&] { usage.begin_call(1, true, 0); }).find("limits.subscriptions_per_second"),
            std::string::npos);
  EXPECT_EQ(refusal_of([&] { usage.begin_call(1, true, kSecond / 2); }), "");
  EXPECT_NE(refusal_of([&] { usage.begin_call(1, true, kSecond / 2); }), "");
}

TEST(Usage, IsIdleOnlyOnceNothingIsLeft) {
  Usage usage("identity 'a'", {.subscriptions_per_s = 1}, 0);
  EXPECT_TRUE(usage.idle(0));
  usage.begin_call(1, true, 0);
  EXPECT_FALSE(usage.idle(0));
  usage.end_call(1, true);
  EXPECT_FALSE(usage.idle(0));  // it would have its burst again
  EXPECT_TRUE(usage.idle(kSecond));
  usage.begin_streams(1);
  EXPECT_FALSE(usage.idle(kSecond));
}

}  // namespace
}  // namespace melstream::access
