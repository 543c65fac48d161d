#include "daemon/tick_fault.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "melstream/core/error.hpp"

namespace melstream::daemon {

#ifdef MELSTREAM_FAULTS

TickFault::TickFault() {
  const char* const variable = std::getenv("MELSTREAM_HOLD_TICK");
  if (variable == nullptr) return;
  long long after_ticks = 0;
  long long hold_ms = 0;
  if (std::sscanf(variable, "%lld:%lld", &after_ticks, &hold_ms) != 2 || after_ticks < 0 || hold_ms < 0) {
    throw core::Error(core::ErrorCode::kInvalidArgument,
                      "MELSTREAM_HOLD_TICK='" + std::string(variable) + "' is not TICKS:MILLISECONDS");
  }
  after_ticks_ = after_ticks;
  hold_ms_ = hold_ms;
}

void TickFault::on_tick() const {
  if (n_ticks_++ == after_ticks_) std::this_thread::sleep_for(std::chrono::milliseconds(hold_ms_));
}

#else

TickFault::TickFault() = default;

void TickFault::on_tick() const {}

#endif

}  // namespace melstream::daemon
