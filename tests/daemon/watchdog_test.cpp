// What the service manager hears: sd_notify(3) and the watchdog's messages, on a socket of the test.
#include <array>
#include <optional>
#include <string>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <stdlib.h>  // setenv, unsetenv

#include "daemon/service_notice.hpp"

namespace melstream::daemon {
namespace {

constexpr std::int64_t kMs = 1'000'000;

class ServiceNotice : public testing::Test {
 public:
  ~ServiceNotice() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
    close(fd_);
  }

 protected:
  ServiceNotice() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = "@melstream-watchdog-test-" + std::to_string(getpid());
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    address.sun_path[0] = '\0';
    const auto n_bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), n_bytes), 0);
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  /// Empty: none.
  std::string next() const {
    std::array<char, 256> text{};
    const ssize_t n = recv(fd_, text.data(), text.size(), MSG_DONTWAIT);
    return n > 0 ? std::string(text.data(), static_cast<std::size_t>(n)) : std::string();
  }

 private:
  int fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

TEST_F(ServiceNotice, StatesAreSentAsSystemdWantsThem) {
  notify_service_manager("READY=1");
  EXPECT_EQ(next(), "READY=1");
  notify_reloading(1'234'567'890);
  EXPECT_EQ(next(), "RELOADING=1\nMONOTONIC_USEC=1234567");
  notify_stopping(10'000 * kMs);
  EXPECT_EQ(next(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=10000000");
}

TEST_F(ServiceNotice, PeriodIsHalfOfWhatTheEnvironmentSays) {
  EXPECT_EQ(Watchdog::period_from_environment(), std::nullopt);
  setenv("WATCHDOG_USEC", "20000000", 1);
  EXPECT_EQ(Watchdog::period_from_environment(), 10'000 * kMs);
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  EXPECT_EQ(Watchdog::period_from_environment(), 10'000 * kMs);
  setenv("WATCHDOG_PID", std::to_string(getpid() + 1).c_str(), 1);
  EXPECT_EQ(Watchdog::period_from_environment(), std::nullopt) << "it is for another process";
  unsetenv("WATCHDOG_PID");
  for (const char* bad : {"", "0", "-5", "20s", "99999999999999999999"}) {
    setenv("WATCHDOG_USEC", bad, 1);
    EXPECT_EQ(Watchdog::period_from_environment(), std::nullopt) << bad;
  }
}

TEST_F(ServiceNotice, TheWatchdogIsFedOncePerPeriodAndNeverTooLate) {
  Watchdog watchdog(2'000 * kMs);
  int n_fed = 0;
  std::int64_t last_ms = 0;
  for (std::int64_t ms = 0; ms <= 20'000; ms += 500) {
    watchdog.feed(ms * kMs);
    if (next().empty()) continue;
    EXPECT_LE(ms - last_ms, 2'000);
    last_ms = ms;
    ++n_fed;
  }
  EXPECT_EQ(n_fed, 11);
}

TEST_F(ServiceNotice, WithoutAPeriodNothingIsSent) {
  Watchdog watchdog(std::nullopt);
  watchdog.feed(0);
  watchdog.feed(1'000'000 * kMs);
  EXPECT_EQ(next(), "");
}

}  // namespace
}  // namespace melstream::daemon
