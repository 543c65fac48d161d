#include "melstream/engine/losing_engine.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "melstream/core/error.hpp"

namespace melstream::engine {

LosingEngine::LosingEngine(std::unique_ptr<Engine> engine, std::uint64_t n_ticks)
    : engine_(std::move(engine)), n_ticks_(n_ticks) {}

Ticket LosingEngine::submit(const Tick& tick) {
  TickUnderWay& slot = ticks_[(last_ticket_ + 1) % kTicksUnderWay];
  while (!poll(slot.ticket, std::chrono::seconds(1))) {
  }
  slot = {++last_ticket_, engine_->submit(tick), tick, true};
  return last_ticket_;
}

bool LosingEngine::poll(Ticket ticket, std::chrono::nanoseconds wait) {
  TickUnderWay& slot = ticks_[ticket % kTicksUnderWay];
  if (slot.ticket != ticket || !slot.is_under_way) return true;
  if (ticket > n_ticks_) lose();
  slot.is_under_way = !engine_->poll(slot.engines_ticket, wait);
  return !slot.is_under_way;
}

void LosingEngine::lose() {
  constexpr float kNoValue = std::numeric_limits<float>::quiet_NaN();
  for (TickUnderWay& slot : ticks_) {
    if (!slot.is_under_way) continue;
    // The engine works, so it would write to the rows later on.
    while (!engine_->poll(slot.engines_ticket, std::chrono::seconds(1))) {
    }
    std::fill(slot.tick.rows.begin(), slot.tick.rows.end(), kNoValue);
    std::fill(slot.tick.maxima.begin(), slot.tick.maxima.end(), kNoValue);
    slot.is_under_way = false;
  }
  throw core::EngineError("lost on purpose after " + std::to_string(n_ticks_) + " ticks");
}

}  // namespace melstream::engine
