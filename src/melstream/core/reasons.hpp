// Why audio or frames are missing, and why a stream ended. Closed lists, the same on the wire.
#pragma once

#include <cstdint>

namespace melstream::core {

enum class GapReason : std::uint8_t {
  kCaptureOverflow,  ///< the sample ring was full: the machine is too slow or stalled
  kDeviceLost,
  kNetLoss,
  kLate,
  kKernelDrop,
  kDecodeError,
  kQuota,
  kEngineOverload,
  kSubscriberSlow,
  kHistoryEvicted,  ///< asked for, but no longer (or never) held
  kRestart,
  kShutdown,
};

enum class EndReason : std::uint8_t {
  kCompleted,   ///< the publisher said that it was done
  kSourceLost,  ///< the publisher was cancelled, crashed or stayed idle too long
  kTakenOver,   ///< another publisher took the id over
  kShutdown,    ///< the daemon drains
};

}  // namespace melstream::core
