// Two engines as one: a primary (CUDA) until it fails, then a standby (CPU) for good. No tick is lost: those that were
// under way are computed again.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "melstream/engine/engine.hpp"

namespace melstream::engine {

/// submit() and poll() belong to the tick thread, everything else may be called from any thread. Any exception of the
/// primary's submit, poll or register_host is its loss; so is one of its prepare, but for Error(kInvalidArgument),
/// which is the caller's. Exceptions of the standby pass through.
///
/// The lost primary and its tables are never destroyed: tearing down a device that hangs may hang too, and the device
/// may still write to its pinned memory. A primary must write to no memory of a tick any more once its poll() or
/// submit() has thrown. Ticks that are under way when prepare() or register_host() finds the loss stay with the primary
/// until its poll() gives them or throws.
class FailoverEngine final : public Engine {
 public:
  /// Told of the loss, once, on the thread that found it, before the ticks under way are computed again: must not
  /// block.
  using OnLoss = std::function<void(const std::string& reason)>;

  /// @param limits those that both engines were made with.
  FailoverEngine(EngineInstance primary, EngineInstance standby, const Limits& limits, OnLoss on_loss);
  ~FailoverEngine() override;

  /// Makes the tables of both engines, so that failing over makes none.
  std::shared_ptr<const Prepared> prepare(const std::shared_ptr<const FrontEnd>& front_end,
                                          Smoothing smoothing) override;
  Ticket submit(const Tick& tick) override;
  bool poll(Ticket ticket, std::chrono::nanoseconds wait) override;
  void register_host(std::span<std::byte> slab) override;

  /// Of the engine that computes the ticks to come. Thread-safe.
  EngineInfo info() const;
  /// Why the primary was lost; nothing while it is in use. Thread-safe.
  std::optional<std::string> loss() const;

 private:
  class Loss;
  class PreparedPair;
  struct TickUnderWay;

  void start_on_primary(TickUnderWay& tick);
  void start_on_standby(TickUnderWay& tick);
  void lose_primary(const std::string& reason);
  void fail_over(const std::string& reason);

  EngineInstance primary_;  ///< not to be called once loss_ is there, but for poll()
  const EngineInstance standby_;
  const OnLoss on_loss_;
  const std::shared_ptr<Loss> loss_;  ///< shared with the tables
  std::vector<TickUnderWay> ticks_;   ///< [kTicksUnderWay], by ticket; tick thread
  Ticket last_ticket_ = 0;            ///< tick thread
};

}  // namespace melstream::engine
