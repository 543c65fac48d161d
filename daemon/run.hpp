// The life of the daemon from a good config to its exit. Main thread.
#pragma once

#include "daemon/config.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/log.hpp"

namespace melstream::daemon {

/// Serves until a signal or a failure ends it; logs what goes wrong. Call once, with no other thread running. A second
/// signal and a drain that does not end leave the process at once.
ExitCode run(const Config& config, Log& log);

}  // namespace melstream::daemon
