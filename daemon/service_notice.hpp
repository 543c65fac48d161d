// Tells a service manager how the daemon is (sd_notify(3), Type=notify) without libsystemd. Main thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace melstream::daemon {

/// Sends "READY=1", "STOPPING=1", ... as one datagram to the socket that NOTIFY_SOCKET names; without one, nothing.
/// Never fails: a service manager that does not listen is its own concern.
void notify_service_manager(const std::string& state) noexcept;

/// RELOADING=1 with the monotonic time that Type=notify-reload asks for. READY=1 is to follow.
void notify_reloading(std::int64_t now_mono_ns) noexcept;
/// STOPPING=1, and how long that may take.
void notify_stopping(std::int64_t at_most_ns) noexcept;

/// WATCHDOG=1, as often as the service manager wants to hear it: twice in the time after which it ends the process.
class Watchdog {
 public:
  /// What WATCHDOG_USEC and WATCHDOG_PID say (sd_watchdog_enabled(3)); nothing without them, if they are for another
  /// process, or if they are no numbers.
  static std::optional<std::int64_t> period_from_environment() noexcept;

  /// @param period_ns between two messages; nothing: none is sent.
  explicit Watchdog(std::optional<std::int64_t> period_ns) noexcept : period_ns_(period_ns) {}
  /// All is well now: says so if it is time.
  void feed(std::int64_t now_mono_ns) noexcept;

 private:
  const std::optional<std::int64_t> period_ns_;
  std::optional<std::int64_t> fed_mono_ns_;
};

}  // namespace melstream::daemon
