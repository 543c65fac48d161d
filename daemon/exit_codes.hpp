// How the daemon ends. The numbers are those of sysexits.h, so that service managers and scripts understand them.
#pragma once

namespace melstream::daemon {

enum class ExitCode : int {
  kOk = 0,
  kUsage = 64,         ///< the command line
  kInput = 66,         ///< the config file is missing or cannot be read
  kUnavailable = 69,   ///< an engine or device that the config asks for is not there
  kInternal = 70,      ///< a bug, or an engine that failed while running
  kCannotBind = 71,    ///< an address or socket cannot be listened on
  kDrainTimeout = 75,  ///< stopped, but subscribers were cut off
  kPermission = 77,    ///< a file or an address is not permitted to this user
  kConfig = 78,        ///< the config file, or a memory plan that cannot work
};

}  // namespace melstream::daemon
