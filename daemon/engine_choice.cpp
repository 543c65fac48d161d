#include "daemon/engine_choice.hpp"

#include <utility>

#include <stdlib.h>  // setenv

#include "melstream/core/error.hpp"
#include "melstream/engine/cpu/cpu_engine.hpp"
#include "melstream/engine/plugin_loader.hpp"

#ifdef MELSTREAM_FAULTS
#include <charconv>
#include <cstdint>
#include <string_view>
#include <system_error>

#include "melstream/engine/losing_engine.hpp"
#endif

namespace melstream::daemon {
namespace {

using engine::EngineInstance;
using engine::PluginUnavailable;

/// Automatic is one thread: it keeps up with thousands of streams, and more than one costs wake-ups every tick.
int tick_threads(const EngineConfig& config) { return config.threads == 0 ? 1 : static_cast<int>(config.threads); }

EngineInstance make_plugin_engine(const engine::Plugin& plugin, const EngineConfig& config,
                                  const EngineSurroundings& surroundings) {
  engine::PluginOptions options;
  options.limits = surroundings.limits;
  options.device = static_cast<int>(config.device);
  const auto front_ends = surroundings.catalog.all();
  options.front_ends.assign(front_ends.begin(), front_ends.end());
  options.spin = config.wait == "spin";
  options.clock = &surroundings.clock;
  return plugin.make_engine(options);
}

#ifdef MELSTREAM_FAULTS
/// In test builds, MELSTREAM_LOSE_ENGINE_AFTER_TICKS=N loses the plugin's engine after N ticks.
EngineInstance with_faults(EngineInstance instance) {
  const char* const variable = std::getenv("MELSTREAM_LOSE_ENGINE_AFTER_TICKS");
  if (variable == nullptr) return instance;
  const std::string_view text = variable;
  std::uint64_t n_ticks = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n_ticks);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw core::Error(core::ErrorCode::kInvalidArgument,
                      "MELSTREAM_LOSE_ENGINE_AFTER_TICKS='" + std::string(text) + "' is no number of ticks");
  }
  instance.engine = std::make_unique<engine::LosingEngine>(std::move(instance.engine), n_ticks);
  return instance;
}
#else
EngineInstance with_faults(EngineInstance instance) { return instance; }
#endif

/// A machine without a plugin or without a driver is as it should be; anything else somebody would want to mend.
bool is_fault(const PluginUnavailable& error) {
  const bool is_wanted = std::getenv(engine::kCudaPluginVariable) != nullptr;
  if (error.why() == PluginUnavailable::Why::kMissing) return is_wanted;
  return error.why() != PluginUnavailable::Why::kNoDriver;
}

}  // namespace

ChosenEngine::ChosenEngine(EngineInstance engine, std::string reason, bool plugin_fault)
    : info_(std::move(engine.info)),
      engine_(std::move(engine.engine)),
      reason_(std::move(reason)),
      plugin_fault_(plugin_fault) {}

ChosenEngine::ChosenEngine(std::unique_ptr<engine::FailoverEngine> engine, std::string reason)
    : failover_(engine.get()), engine_(std::move(engine)), reason_(std::move(reason)) {}

rpc::EngineStatus ChosenEngine::status() const {
  if (failover_ == nullptr) return {info_, std::nullopt};
  std::optional<std::string> loss = failover_->loss();
  return {failover_->info(), std::move(loss)};
}

ChosenEngine choose_engine(const EngineConfig& config, const EngineSurroundings& surroundings) {
  EngineInstance cpu = make_cpu_engine(config, tick_threads(config), surroundings.limits);
  if (config.backend == "cpu") return {std::move(cpu), "engine.backend", false};
  // Devices are to be counted as nvidia-smi does, not the fastest first. No other thread reads the environment yet.
  setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", 0);
  try {
    const engine::Plugin plugin(engine::cuda_plugin_places());
    EngineInstance primary = with_faults(make_plugin_engine(plugin, config, surroundings));
    const std::string how = config.backend == "cuda" ? "engine.backend" : "the plugin works";
    return {std::make_unique<engine::FailoverEngine>(
                std::move(primary), std::move(cpu), surroundings.limits,
                [on_loss = surroundings.on_loss](const std::string& /*reason*/) { on_loss(); }),
            how + ", " + plugin.path().string()};
  } catch (const PluginUnavailable& error) {
    if (config.backend != "auto") {
      throw core::Error(core::ErrorCode::kUnavailable, "engine.backend = \"" + config.backend + "\": " + error.what() +
                                                           "; with \"auto\" the CPU would compute");
    }
    return {std::move(cpu), error.what(), is_fault(error)};
  }
}

EngineInstance make_cpu_engine(const EngineConfig& config, int n_threads, const engine::Limits& limits) {
  engine::cpu::Options options;
  options.simd = config.simd;
  options.n_threads = n_threads;
  options.limits = limits;
  return engine::cpu::make_engine(options);
}

void log_choice(const Log& log, const EngineConfig& config, const ChosenEngine& chosen) {
  const engine::EngineInfo info = chosen.status().info;
  const LogLevel level = chosen.plugin_fault() ? LogLevel::kWarning : LogLevel::kInfo;
  if (info.backend != "cpu") {
    log.event(level, "engine",
              {{"backend", info.backend},
               {"backend_reason", chosen.reason()},
               {"target", info.target},
               {"device", config.device},
               {"wait", config.wait}});
    return;
  }
  log.event(level, "engine",
            {{"backend", info.backend},
             {"backend_reason", chosen.reason()},
             {"target", info.target},
             {"target_reason", config.simd == "auto" ? "the best of this machine" : "engine.simd"},
             {"threads", info.n_threads}});
}

std::string short_name(const engine::EngineInfo& info) { return info.backend + "/" + info.target; }

}  // namespace melstream::daemon
