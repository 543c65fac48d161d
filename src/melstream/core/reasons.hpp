// Why audio or frames are missing, and why a stream ended. Closed lists, the same on the wire.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

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
inline constexpr std::size_t kNGapReasons = 12;

/// For logs and counters: "net_loss".
constexpr std::string_view name_of(GapReason reason) noexcept {
  constexpr std::array<std::string_view, kNGapReasons> kNames = {
      "capture_overflow", "device_lost",     "net_loss",        "late",    "kernel_drop", "decode_error", "quota",
      "engine_overload",  "subscriber_slow", "history_evicted", "restart", "shutdown"};
  return kNames[static_cast<std::size_t>(reason)];
}

enum class EndReason : std::uint8_t {
  kCompleted,   ///< the publisher said that it was done
  kSourceLost,  ///< the publisher was cancelled, crashed or stayed idle too long
  kTakenOver,   ///< another publisher took the id over
  kShutdown,    ///< the daemon drains
};

}  // namespace melstream::core
