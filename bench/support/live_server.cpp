#include "bench/support/live_server.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include "melstream/audio/ingest.hpp"
#include "melstream/engine/cpu/cpu_engine.hpp"

namespace melstream::bench {
namespace {

rpc::ServerOptions server_options(const LiveServerOptions& options) {
  rpc::ServerOptions server{.version = "bench", .build = "bench"};
  using Kind = rpc::ListenerSpec::Kind;
  server.listeners.push_back(options.socket.empty()
                                 ? rpc::ListenerSpec{.kind = Kind::kTcp, .address = "127.0.0.1:0"}
                                 : rpc::ListenerSpec{.kind = Kind::kUnix, .address = options.socket});
  server.connections.max_connections = options.max_connections;
  server.max_subscriptions = options.max_subscriptions;
  if (options.max_queued_bytes > 0) server.max_queued_bytes = options.max_queued_bytes;
  server.tick_ms = static_cast<double>(options.tick_ns) / 1e6;
  return server;
}

std::size_t ring_bytes(const LiveServerOptions& options) {
  const std::size_t n_rings = static_cast<std::size_t>(options.max_streams) + pipeline::kSpareRings + 128;
  return n_rings * core::kBlockSamples * sizeof(float);
}

}  // namespace

LiveServer::LiveServer(LiveServerOptions options)
    : arena_({.max_bytes = ring_bytes(options), .lock = false}),
      engine_(engine::cpu::make_engine({})),
      registry_({.max_streams = options.max_streams, .always = {}}, arena_, clock_, *engine_.engine, catalog_),
      windows_(engine::cpu::make_engine({}), engine::Limits{}),
      loop_(registry_, *engine_.engine, {.period_ns = options.tick_ns, .limits = {}}),
      server_(server_options(options),
              {.registry = registry_,
               .windows = windows_,
               .make_ingest = audio::make_ingest_factory(clock_),
               .resampler_delay_ns = [](int) { return 0; },
               .engine = [this] { return rpc::EngineStatus{.info = engine_.info, .loss = {}}; },
               .window_engine = engine_.info,
               .poke = [this] { tick_.poke(); }}),
      tick_(
          loop_, clock_, options.tick_ns, registry_.counters(), [this] { server_.on_tick(); },
          [](const std::exception_ptr& error) { std::rethrow_exception(error); }) {}

LiveServer::~LiveServer() { server_.drain(std::chrono::milliseconds(0)); }

}  // namespace melstream::bench
