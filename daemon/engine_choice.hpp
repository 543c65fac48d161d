// Which engine computes: the CUDA plugin if it is there and works, with the CPU engine ready to take over; else the CPU
// engine alone. Control threads.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "melstream/core/clock.hpp"
#include "melstream/engine/engine.hpp"
#include "melstream/engine/failover_engine.hpp"
#include "melstream/engine/front_end.hpp"
#include "melstream/rpc/server.hpp"

#include "daemon/config.hpp"
#include "daemon/log.hpp"

namespace melstream::daemon {

/// The engine of the ticks, and why it is this one.
class ChosenEngine {
 public:
  /// An engine that cannot be replaced. @param plugin_fault there is a plugin, but it does not work: worth a warning.
  ChosenEngine(engine::EngineInstance engine, std::string reason, bool plugin_fault);
  ChosenEngine(std::unique_ptr<engine::FailoverEngine> engine, std::string reason);

  engine::Engine& engine() const noexcept { return *engine_; }
  const std::string& reason() const noexcept { return reason_; }
  /// It is the plugin's, and the CPU's stands by.
  bool has_standby() const noexcept { return failover_ != nullptr; }
  bool plugin_fault() const noexcept { return plugin_fault_; }
  /// Thread-safe.
  rpc::EngineStatus status() const;

 private:
  engine::EngineInfo info_;                           ///< without failover_
  const engine::FailoverEngine* failover_ = nullptr;  ///< engine_, if it can be replaced
  std::unique_ptr<engine::Engine> engine_;
  std::string reason_;
  bool plugin_fault_ = false;
};

/// What the choice depends on, besides the config. All outlive the engine.
struct EngineSurroundings {
  const engine::FrontEndCatalog& catalog;
  const core::Clock& clock;
  engine::Limits limits;
  /// The plugin's engine was lost, and the CPU engine took over. Tick thread or a gRPC thread; must not block.
  std::function<void()> on_loss;
};

/// Throws core::Error(kUnavailable) if the config demands what is not there.
ChosenEngine choose_engine(const EngineConfig& config, const EngineSurroundings& surroundings);

/// The CPU engine as the config wants it, on so many threads.
engine::EngineInstance make_cpu_engine(const EngineConfig& config, int n_threads, const engine::Limits& limits);

/// The line that says which engine was taken and why.
void log_choice(const Log& log, const EngineConfig& config, const ChosenEngine& chosen);

/// "cpu/avx2".
std::string short_name(const engine::EngineInfo& info);

}  // namespace melstream::daemon
