// A log line is one line, whatever the values are; and whatever standard error is, nobody waits for it.
#include "daemon/log.hpp"

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <stdlib.h>  // setenv, mkstemp

#include "daemon/log_format.hpp"
#include "daemon/log_limiter.hpp"

namespace melstream::daemon {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

/// A file that a log writes to.
class LogFile {
 public:
  LogFile() : fd_(mkstemp(path_.data())) {}
  ~LogFile() {
    close(fd_);
    unlink(path_.data());
  }
  int fd() const { return fd_; }
  std::string text() const {
    std::ifstream file(path_.data(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::array<char, 32> path_{"/tmp/melstream-log-XXXXXX"};
  int fd_;
};

int count(const std::string& text, const std::string& part) {
  int n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

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

TEST(Log, JsonHasNumbersAndTruthValuesAsSuch) {
  EXPECT_EQ(format_event(LogFormat::kJson, "e", {{"n", 7}, {"big", std::int64_t{1} << 40}, {"yes", true}, {"t", "7"}}),
            R"("event":"e","n":7,"big":1099511627776,"yes":true,"t":"7")");
}

TEST(Log, WhatIsNoUtf8IsEscaped) {
  EXPECT_EQ(format_event(LogFormat::kJson, "e", {{"a", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x8e\xa4"}}),
            "\"event\":\"e\",\"a\":\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x8e\xa4\"");
  for (const char* bad : {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80"}) {
    const std::string line = format_event(LogFormat::kHuman, "e", {{"a", bad}});
    EXPECT_EQ(line.rfind("e a=\"\\u00", 0), 0U) << line;
  }
}

TEST(Log, LineHasTimeAndLevelOrThePriorityOfTheJournal) {
  constexpr std::int64_t kWallNs = 1'764'149'405'123'456'789;
  EXPECT_EQ(format_line(LogFormat::kHuman, kWallNs, LogLevel::kInfo, "e a=1"),
            "2025-11-26T09:30:05.123Z info    e a=1");
  EXPECT_EQ(format_line(LogFormat::kJson, kWallNs, LogLevel::kWarning, "\"event\":\"e\""),
            R"({"ts":"2025-11-26T09:30:05.123Z","level":"warning","event":"e"})");
  EXPECT_EQ(format_line(LogFormat::kJournal, kWallNs, LogLevel::kError, "e"), "<3>e");
  EXPECT_EQ(format_line(LogFormat::kJournal, kWallNs, LogLevel::kWarning, "e"), "<4>e");
  EXPECT_EQ(format_line(LogFormat::kJournal, kWallNs, LogLevel::kInfo, "e"), "<6>e");
  EXPECT_EQ(format_line(LogFormat::kJournal, kWallNs, LogLevel::kDebug, "e"), "<7>e");
}

TEST(Log, OnlyTheJournalsOwnDescriptorGetsPriorities) {
  const LogFile file;
  struct stat info {};
  ASSERT_EQ(fstat(file.fd(), &info), 0);
  const std::string device = std::to_string(info.st_dev) + ":";
  setenv("JOURNAL_STREAM", (device + std::to_string(info.st_ino)).c_str(), 1);
  EXPECT_EQ(for_descriptor(LogFormat::kHuman, file.fd()), LogFormat::kJournal);
  EXPECT_EQ(for_descriptor(LogFormat::kJson, file.fd()), LogFormat::kJson);
  setenv("JOURNAL_STREAM", (device + std::to_string(info.st_ino + 1)).c_str(), 1);
  EXPECT_EQ(for_descriptor(LogFormat::kHuman, file.fd()), LogFormat::kHuman) << "the daemon's output was redirected";
  setenv("JOURNAL_STREAM", "rubbish", 1);
  EXPECT_EQ(for_descriptor(LogFormat::kHuman, file.fd()), LogFormat::kHuman);
  unsetenv("JOURNAL_STREAM");
}

TEST(Log, LevelsBelowAreLeftOutAndCanBeChanged) {
  Log log(parse_log_level("warning"), LogFormat::kHuman);
  EXPECT_FALSE(log.enabled(LogLevel::kDebug));
  EXPECT_FALSE(log.enabled(LogLevel::kInfo));
  EXPECT_TRUE(log.enabled(LogLevel::kWarning));
  EXPECT_TRUE(log.enabled(LogLevel::kError));
  log.set_level(LogLevel::kDebug);
  EXPECT_TRUE(log.enabled(LogLevel::kDebug));
}

TEST(Log, WhatWasLoggedIsThereAfterFlush) {
  const LogFile file;
  const Log log(LogLevel::kInfo, LogFormat::kHuman, file.fd());
  for (int i = 0; i < 500; ++i) log.record(LogLevel::kInfo, "e", {{"i", i}});
  log.event(LogLevel::kDebug, "not_this");
  log.flush();
  const std::string text = file.text();
  EXPECT_EQ(count(text, "\n"), 500);
  EXPECT_NE(text.find(" info    e i=499\n"), std::string::npos);
  EXPECT_EQ(log.n_messages(LogLevel::kInfo), 500);
  EXPECT_EQ(log.n_messages(LogLevel::kDebug), 0);
  EXPECT_EQ(log.n_dropped(), 0);
}

TEST(Log, AnEventThatRepeatsIsLimited) {
  const LogFile file;
  const Log log(LogLevel::kInfo, LogFormat::kHuman, file.fd());
  for (int i = 0; i < 100; ++i) log.event(LogLevel::kInfo, "often");
  log.event(LogLevel::kInfo, "once");
  log.flush();
  EXPECT_LE(count(file.text(), " often"), 2 * LogLimiter::kMostPerSecond) << "two seconds at most have begun";
  EXPECT_EQ(count(file.text(), " once"), 1);
  EXPECT_EQ(log.n_messages(LogLevel::kInfo), 101);
}

TEST(LogLimiter, TenASecondThenACount) {
  LogLimiter limiter;
  int n_passed = 0;
  for (int i = 0; i < 25; ++i) n_passed += limiter.admit("a", kSecond + i) ? 1 : 0;
  EXPECT_EQ(n_passed, 10);
  EXPECT_TRUE(limiter.admit("b", kSecond)) << "each name by itself";
  EXPECT_TRUE(limiter.take_suppressed(kSecond + kSecond / 2).empty()) << "the second is not over";
  const auto suppressed = limiter.take_suppressed(2 * kSecond);
  ASSERT_EQ(suppressed.size(), 1U);
  EXPECT_EQ(suppressed[0].name, "a");
  EXPECT_EQ(suppressed[0].n, 15);
  EXPECT_TRUE(limiter.take_suppressed(3 * kSecond).empty()) << "told once";
  EXPECT_TRUE(limiter.admit("a", 2 * kSecond));
}

TEST(LogLimiter, AFloodIsToldOnceASecondWhileItLasts) {
  LogLimiter limiter;
  constexpr std::int64_t kStep = kSecond / 100;
  std::vector<std::int64_t> told;
  for (std::int64_t now = kSecond; now < 5 * kSecond; now += kStep) {
    limiter.admit("a", now);
    if (now % (kSecond / 2) != kStep) continue;  // as the main loop does
    for (const auto& one : limiter.take_suppressed(now)) told.push_back(one.n);
  }
  EXPECT_EQ(told, (std::vector<std::int64_t>{90, 90, 90}));
}

TEST(Log, AFullDiskLosesLinesAndNothingElse) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  {
    const Log log(LogLevel::kInfo, LogFormat::kHuman, full);
    for (int i = 0; i < 5; ++i) log.record(LogLevel::kError, "e", {{"i", i}});
    log.flush();
    EXPECT_EQ(log.n_dropped(), 5);
  }
  close(full);
}

TEST(Log, APipeThatNobodyReadsHoldsUpNobodyAndTheLossIsTold) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  ASSERT_GT(fcntl(ends[1], F_SETPIPE_SZ, 4096), 0);
  std::string text;
  {
    const Log log(LogLevel::kInfo, LogFormat::kHuman, ends[1]);
    const std::string filler(200, 'x');
    for (int i = 0; i < 4000; ++i) log.record(LogLevel::kInfo, "e", {{"filler", filler}});
    EXPECT_GT(log.n_dropped(), 2000) << "a ring of 1024 lines and a pipe of 4 kB hold no more";
    // Somebody reads again.
    std::array<char, 65536> buffer{};
    pollfd readable{ends[0], POLLIN, 0};
    while (text.find("log_dropped lines=") == std::string::npos && poll(&readable, 1, 30'000) > 0) {
      const ssize_t n = read(ends[0], buffer.data(), buffer.size());
      ASSERT_GT(n, 0);
      text.append(buffer.data(), static_cast<std::size_t>(n));
    }
    EXPECT_NE(text.find("log_dropped lines="), std::string::npos);
    // The rest, so that the log can end.
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    while (poll(&readable, 1, 200) > 0 && read(ends[0], buffer.data(), buffer.size()) > 0) {
    }
  }
  close(ends[0]);
  close(ends[1]);
}

TEST(Log, EndsThoughItsPipeIsStuck) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const std::string filler(200, 'x');
  {
    const Log log(LogLevel::kInfo, LogFormat::kHuman, ends[1]);
    for (int i = 0; i < 2000; ++i) log.record(LogLevel::kInfo, "e", {{"filler", filler}});
  }
  close(ends[0]);  // the thread that was left behind gets an error, and goes on
  SUCCEED();
}

}  // namespace
}  // namespace melstream::daemon
