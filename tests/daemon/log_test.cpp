// A log line is one line, whatever the values are.
#include "daemon/log.hpp"

#include <gtest/gtest.h>

namespace melstream::daemon {
namespace {

TEST(Log, HumanLineIsEventAndPairs) {
  EXPECT_EQ(format_event(LogFormat::kHuman, "listening", {{"addresses", "unix:/run/x.sock,127.0.0.1:5"}}),
            "listening addresses=unix:/run/x.sock,127.0.0.1:5");
  EXPECT_EQ(format_event(LogFormat::kHuman, "stopped", {}), "stopped");
}

TEST(Log, AmbiguousValuesAreQuoted) {
  EXPECT_EQ(format_event(LogFormat::kHuman, "e", {{"a", "two words"}, {"b", ""}, {"c", "x=y"}, {"d", "say \"no\""}}),
            R"(e a="two words" b="" c="x=y" d="say \"no\"")");
}

TEST(Log, LineStaysALine) {
  EXPECT_EQ(format_event(LogFormat::kHuman, "e", {{"a", "1\n2\r\x1b[0m"}}), R"(e a="1\n2\u000d\u001b[0m")");
  EXPECT_EQ(format_event(LogFormat::kJson, "e", {{"a", "1\n2\t\\"}}), R"("event":"e","a":"1\n2\u0009\\")");
}

TEST(Log, LevelsBelowAreLeftOut) {
  const Log log(parse_log_level("warning"), LogFormat::kHuman);
  EXPECT_FALSE(log.enabled(LogLevel::kDebug));
  EXPECT_FALSE(log.enabled(LogLevel::kInfo));
  EXPECT_TRUE(log.enabled(LogLevel::kWarning));
  EXPECT_TRUE(log.enabled(LogLevel::kError));
}

}  // namespace
}  // namespace melstream::daemon
