// What the daemon tells of itself: metrics, whether its loops move, whether it is ready, its state in the log.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/daemon.hpp"

namespace melstream::daemon {
namespace {

/// Streams that one dump tells of: more than a screen, less than the log's ring.
constexpr std::size_t kMostStreams = 200;
/// From this state on new streams are refused.
constexpr std::int64_t kRefusing = 2;

constexpr std::int64_t kNsPerMs = 1'000'000;

std::int64_t now(const std::atomic<std::int64_t>& count) { return count.load(std::memory_order_relaxed); }

std::string why_not_live(const std::vector<core::SourceStatus>& sources, const std::vector<std::string>& required) {
  std::string why;
  for (const std::string& id : required) {
    const auto found = std::find_if(sources.begin(), sources.end(),
                                    [&id](const core::SourceStatus& source) { return source.spec.id == id; });
    if (found != sources.end() && found->state == core::SourceState::kLive) continue;
    why += (why.empty() ? "" : ", ") + id + " is " +
           (found == sources.end() ? "closed" : std::string(core::name_of(found->state)));
  }
  return why;
}

}  // namespace

std::string Daemon::metrics(const Telemetry& telemetry, const Log& log) {
  return metrics_text({.counters = registry_.counters(),
                       .server = server_,
                       .ingest = ingest_,
                       .liveness = telemetry.liveness(),
                       .reloads = telemetry.reloads(),
                       .log = log,
                       .arena = arena_.usage(),
                       // Microphones answer under a mutex; other sources would have to be asked on ms-net.
                       .microphones = microphone_totals_.look(sources_.list("mic")),
                       .engine_losses = engine_.status().loss ? 1 : 0,
                       .is_ready = telemetry.readiness().ready(),
                       .has_cuda = engine_.has_standby()});
}

void Daemon::provoke_loops(Liveness& liveness) {
  liveness.expect(Loop::kMain, true);
  liveness.expect(Loop::kTick, true);
  liveness.count(Loop::kTick, now(registry_.counters().ticks));
  liveness.expect(Loop::kCapture, microphones_->runs());
  liveness.count(Loop::kCapture, microphones_->n_passes());
  liveness.expect(Loop::kNet, true);
  if (liveness.should_provoke(Loop::kNet)) {
    sources_.provoke([&liveness] { liveness.moved(Loop::kNet); });
  }
  liveness.expect(Loop::kAccept, true);
  if (liveness.should_provoke(Loop::kAccept)) {
    server_.provoke_accept([&liveness] { liveness.moved(Loop::kAccept); });
  }
  liveness.expect(Loop::kSubscribe, true);
  if (liveness.should_provoke(Loop::kSubscribe)) {
    server_.provoke_subscribe([&liveness] { liveness.moved(Loop::kSubscribe); });
  }
}

void Daemon::note_engine() noexcept {
  const bool is_cpu = engine_.status().info.backend == "cpu";
  registry_.counters().engine.store(is_cpu ? pipeline::EngineKind::kCpu : pipeline::EngineKind::kCuda,
                                    std::memory_order_relaxed);
}

void Daemon::check_readiness(const Config& config, Readiness& readiness) {
  note_engine();
  const rpc::EngineStatus engine = engine_.status();
  const bool is_missed = engine.loss && config.engine.backend == "cuda";
  readiness.set(Check::kEngine, is_missed ? "the GPU that engine.backend asks for is lost: " + *engine.loss : "");
  const std::int64_t overload = now(registry_.counters().overload_state);
  readiness.set(Check::kOverload,
                overload >= kRefusing ? "new streams are refused, state " + std::to_string(overload) : "");
  std::int64_t n_without_fds = 0;
  for (const auto& listener : server_.stats().connections_rejected) {
    n_without_fds += now(listener[static_cast<std::size_t>(rpc::RejectReason::kNoFds)]);
  }
  readiness.set(Check::kListeners, n_without_fds > n_without_fds_ ? "out of file descriptors" : "");
  n_without_fds_ = n_without_fds;
  if (config.metrics.required_sources.empty()) return;
  readiness.set(Check::kInputs, why_not_live(sources_.list(), config.metrics.required_sources));
}

void Daemon::log_state(const Log& log) {
  const pipeline::Counters& counters = registry_.counters();
  const core::HostArena::Usage arena = arena_.usage();
  const rpc::EngineStatus engine = engine_.status();
  log.record(LogLevel::kInfo, "state",
             {{"streams", registry_.n_live()},
              {"subscriptions", now(counters.subscriptions)},
              {"subscriber_lag_max_ms", now(server_.stats().subscriber_lag_max_ns) / kNsPerMs},
              {"queued_bytes", server_.queued_bytes()},
              {"audio_bytes", arena.used_bytes},
              {"audio_locked_bytes", arena.locked_bytes},
              {"engine", short_name(engine.info)},
              {"engine_loss", engine.loss.value_or("none")},
              {"ticks", now(counters.ticks)},
              {"late_ticks", now(counters.late_ticks)},
              {"overload_state", now(counters.overload_state)}});
  const auto streams = registry_.all();
  for (std::size_t i = 0; i < std::min(streams.size(), kMostStreams); ++i) {
    const pipeline::StreamStatus stream = streams[i]->status();
    log.record(LogLevel::kInfo, "state_stream",
               {{"stream", stream.id},
                {"ended", stream.ended},
                {"samples", stream.timeline_samples},
                {"gap_samples", stream.gap_samples},
                {"front_ends", stream.front_ends.size()},
                {"subscribers", stream.n_subscribers}});
  }
  if (streams.size() > kMostStreams) {
    log.record(LogLevel::kInfo, "state_more", {{"streams", streams.size() - kMostStreams}});
  }
}

}  // namespace melstream::daemon
