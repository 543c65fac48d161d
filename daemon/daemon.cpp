// How the parts are made. The slabs of the arena are told to the engine, so that it can pin them.
#include "daemon/daemon.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

#include "melstream/audio/ingest.hpp"
#include "melstream/audio/resampler.hpp"
#include "melstream/engine/cpu/cpu_engine.hpp"

#include "daemon/config_reader.hpp"
#include "daemon/version.hpp"

namespace melstream::daemon {
namespace {

constexpr engine::Limits kLimits{};
constexpr std::int64_t kNsPerMs = 1'000'000;

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::round<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

engine::EngineInstance make_engine(const Config& config, int n_threads) {
  engine::cpu::Options options;
  options.simd = config.engine.simd;
  options.n_threads = n_threads;
  options.limits = kLimits;
  return engine::cpu::make_engine(options);
}

/// Automatic is one thread: it keeps up with thousands of streams, and more than one costs wake-ups every tick.
int tick_threads(const Config& config) {
  return config.engine.threads == 0 ? 1 : static_cast<int>(config.engine.threads);
}

core::HostArena::Options arena_options(const Plan& plan) {
  core::HostArena::Options options;
  options.max_bytes = static_cast<std::size_t>(plan.memory.arena_bytes);
  return options;
}

rpc::ServerOptions server_options(const Config& config) {
  rpc::ServerOptions options;
  options.socket = config.server.socket;
  options.listen = config.server.listen;
  options.max_connections = static_cast<int>(config.server.max_connections);
  options.publisher_idle_timeout = milliseconds(config.server.publisher_idle_timeout_s);
  options.version = version();
  options.build = build();
  options.tick_ms = static_cast<double>(config.engine.tick_ms);
  // /run is empty after a boot. The folder of the default place is ours to make; if that fails, binding says why.
  if (options.socket == default_socket(nullptr)) {
    std::error_code ignored;
    std::filesystem::create_directory(std::filesystem::path(options.socket).parent_path(), ignored);
  }
  return options;
}

pipeline::TickOptions tick_options(const Config& config) {
  pipeline::TickOptions options;
  options.period_ns = config.engine.tick_ms * kNsPerMs;
  options.limits = kLimits;
  return options;
}

void log_engine(const Log& log, const Config& config, const engine::EngineInfo& info) {
  const std::string backend_reason =
      config.engine.backend == "auto" ? "no other engine in this build" : "engine.backend";
  const std::string target_reason = config.engine.simd == "auto" ? "the best of this machine" : "engine.simd";
  log.event(LogLevel::kInfo, "engine",
            {{"backend", info.backend},
             {"backend_reason", backend_reason},
             {"target", info.target},
             {"target_reason", target_reason},
             {"threads", std::to_string(info.n_threads)}});
}

}  // namespace

void TickBell::connect(pipeline::TickThread* tick_thread) noexcept {
  const std::lock_guard lock(mutex_);
  tick_thread_ = tick_thread;
}

void TickBell::ring() noexcept {
  const std::lock_guard lock(mutex_);
  if (tick_thread_ != nullptr) tick_thread_->poke();
}

Daemon::Daemon(const Config& config, const Plan& plan, const Log& log, Wakeup& failed)
    : catalog_(make_catalog(config)),
      engine_(make_engine(config, tick_threads(config))),
      arena_(arena_options(plan), [this](std::span<std::byte> slab) { engine_.engine->register_host(slab); }),
      registry_(registry_options(config), arena_, clock_, *engine_.engine, catalog_),
      windows_(make_engine(config, 1), kLimits),
      tick_loop_(registry_, *engine_.engine, tick_options(config)),
      server_(server_options(config), {registry_, windows_, audio::make_ingest_factory(clock_),
                                       audio::resampler_delay_ns, engine_.info, [this] { bell_.ring(); }}),
      tick_thread_(
          tick_loop_, clock_, tick_options(config).period_ns, registry_.counters(), [this] { server_.on_tick(); },
          [this, &failed](std::exception_ptr failure) {
            {
              const std::lock_guard lock(failure_mutex_);
              failure_ = std::move(failure);
            }
            failed.notify();
          }) {
  bell_.connect(&tick_thread_);
  log_engine(log, config, engine_.info);
}

Daemon::~Daemon() { bell_.connect(nullptr); }

std::exception_ptr Daemon::failure() const {
  const std::lock_guard lock(failure_mutex_);
  return failure_;
}

void Daemon::log_totals(const Log& log) {
  const pipeline::Counters& counters = registry_.counters();
  const auto text = [](const std::atomic<std::int64_t>& counter) {
    return std::to_string(counter.load(std::memory_order_relaxed));
  };
  log.event(LogLevel::kInfo, "totals",
            {{"streams_opened", text(counters.streams_opened)},
             {"frames_computed", text(counters.frames_computed)},
             {"frames_delivered", text(counters.frames_delivered)},
             {"frames_gapped", text(counters.frames_gapped)},
             {"ticks", text(counters.ticks)},
             {"late_ticks", text(counters.late_ticks)}});
}

}  // namespace melstream::daemon
