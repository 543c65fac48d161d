// Tells a service manager how the daemon is (sd_notify(3), Type=notify) without libsystemd. Main thread.
#pragma once

#include <string>

namespace melstream::daemon {

/// Sends "READY=1", "STOPPING=1", ... as one datagram to the socket that NOTIFY_SOCKET names; without one, nothing.
/// Never fails: a service manager that does not listen is its own concern.
void notify_service_manager(const std::string& state) noexcept;

}  // namespace melstream::daemon
