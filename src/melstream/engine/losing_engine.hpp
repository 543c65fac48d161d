// An engine that fails on purpose after some ticks: the drill for FailoverEngine, in tests and in the daemon of a test
// build.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "melstream/engine/engine.hpp"

namespace melstream::engine {

/// Passes everything on to an engine that works; the first poll() of a tick after n_ticks throws EngineError, and
/// leaves NaN in the rows of all ticks under way, so that whoever hands them out is found out.
class LosingEngine final : public Engine {
 public:
  LosingEngine(std::unique_ptr<Engine> engine, std::uint64_t n_ticks);

  std::shared_ptr<const Prepared> prepare(const std::shared_ptr<const FrontEnd>& front_end,
                                          Smoothing smoothing) override {
    return engine_->prepare(front_end, smoothing);
  }
  /// Finishes the oldest of kTicksUnderWay first.
  Ticket submit(const Tick& tick) override;
  bool poll(Ticket ticket, std::chrono::nanoseconds wait) override;
  void register_host(std::span<std::byte> slab) override { engine_->register_host(slab); }

 private:
  static constexpr std::size_t kTicksUnderWay = 4;
  struct TickUnderWay {
    Ticket ticket = 0;
    Ticket engines_ticket = 0;
    Tick tick;
    bool is_under_way = false;
  };
  [[noreturn]] void lose();

  const std::unique_ptr<Engine> engine_;
  const std::uint64_t n_ticks_;
  std::array<TickUnderWay, kTicksUnderWay> ticks_;  ///< by ticket
  Ticket last_ticket_ = 0;
};

}  // namespace melstream::engine
