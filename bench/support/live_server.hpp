// The daemon's inside as one object: registry, CPU engine, tick thread and gRPC server, without sources and config.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "melstream/core/clock.hpp"
#include "melstream/core/host_arena.hpp"
#include "melstream/engine/engine.hpp"
#include "melstream/engine/front_end.hpp"
#include "melstream/pipeline/registry.hpp"
#include "melstream/pipeline/tick_loop.hpp"
#include "melstream/pipeline/tick_thread.hpp"
#include "melstream/pipeline/window.hpp"
#include "melstream/rpc/server.hpp"

namespace melstream::bench {

struct LiveServerOptions {
  std::string socket;  ///< path of the unix socket; empty: 127.0.0.1 and a free port
  int max_streams = 256;
  int max_subscriptions = 4096;
  int max_connections = 0;  ///< 0: the server's default
  std::int64_t tick_ns = 10'000'000;
  std::int64_t max_queued_bytes = 0;  ///< 0: the server's default
};

class LiveServer {
 public:
  explicit LiveServer(LiveServerOptions options);
  LiveServer(const LiveServer&) = delete;
  LiveServer& operator=(const LiveServer&) = delete;
  /// Cuts off who is still there.
  ~LiveServer();

  /// As gRPC's clients write it.
  std::string address() const { return server_.addresses().front(); }
  pipeline::Registry& registry() noexcept { return registry_; }

 private:
  core::SystemClock clock_;
  engine::FrontEndCatalog catalog_;
  core::HostArena arena_;
  engine::EngineInstance engine_;
  pipeline::Registry registry_;
  pipeline::WindowReader windows_;
  pipeline::TickLoop loop_;
  rpc::Server server_;
  pipeline::TickThread tick_;  ///< last: it uses all above
};

}  // namespace melstream::bench
