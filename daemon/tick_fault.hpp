// A drill of builds with tests: the tick thread stands still, as if a driver hung.
#pragma once

#include <cstdint>

namespace melstream::daemon {

/// MELSTREAM_HOLD_TICK=AFTER:MS holds the tick thread once, after so many ticks, for so many milliseconds. Does nothing
/// in builds without tests.
class TickFault {
 public:
  /// Throws core::Error(kInvalidArgument) for a variable that is something else.
  TickFault();
  /// Tick thread.
  void on_tick() const;

 private:
  std::int64_t after_ticks_ = -1;  ///< -1: never
  std::int64_t hold_ms_ = 0;
  mutable std::int64_t n_ticks_ = 0;  ///< tick thread
};

}  // namespace melstream::daemon
