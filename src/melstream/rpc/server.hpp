// The gRPC server: Asio accepts, connections are counted and handed to gRPC as descriptors (docs/architecture.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "melstream/core/pcm.hpp"
#include "melstream/core/sources.hpp"
#include "melstream/engine/engine.hpp"
#include "melstream/pipeline/registry.hpp"
#include "melstream/pipeline/window.hpp"
#include "melstream/rpc/server_stats.hpp"

namespace melstream::rpc {

struct ServerOptions {
  /// Path of the unix socket; empty: none. A stale socket file is replaced, a live one is an error.
  std::string socket;
  /// "HOST:PORT", "[::1]:PORT". Port 0 takes any; see Server::addresses().
  std::vector<std::string> listen;
  int max_connections = 0;  ///< 0: what RLIMIT_NOFILE leaves, at most 1024
  int max_subscriptions = 4096;
  /// A reader that has taken nothing for so long is cut off when more than half of max_queued_bytes is in use: longer
  /// than any pause of one that is alive.
  std::chrono::milliseconds stall_patience{5'000};
  std::int64_t max_queued_bytes = std::int64_t{256} << 20;   ///< of responses that no kernel has taken yet
  std::chrono::milliseconds publisher_idle_timeout{30'000};  ///< then End(SOURCE_LOST)
  std::string version;                                       ///< of the daemon
  std::string build;                                         ///< version and commit
  double tick_ms = 10;
};

/// What computes the ticks now.
struct EngineStatus {
  engine::EngineInfo info;
  std::optional<std::string> loss;  ///< why the engine before it was lost
};

/// What the process takes of the machine.
struct ProcessLoad {
  struct Threads {
    std::string name;
    int n = 0;
    double cpu_s = 0;  ///< of those that run now
  };
  double uptime_s = 0;  ///< when all else was looked at
  double cpu_s = 0;     ///< of the whole process since its start
  std::vector<Threads> threads;
  int n_processors = 0;  ///< that it may run on
  std::int64_t resident_bytes = 0;
  std::int64_t resident_bytes_peak = 0;
};

/// What the server stands on. All references outlive it.
struct ServerParts {
  pipeline::Registry& registry;
  pipeline::WindowReader& windows;
  core::PcmIngestFactory make_ingest;
  /// Delay that resampling adds, by source rate.
  std::function<std::int64_t(int sample_rate_hz)> resampler_delay_ns;
  /// Asked for each answer that shows the engine: it may be lost, and another take its place. Any thread.
  std::function<EngineStatus()> engine;
  engine::EngineInfo window_engine;  ///< of `windows`
  /// Asks for a tick now, because a fast stream has samples.
  std::function<void()> poke;
  /// What AdminService shows and changes; null: it refuses.
  core::SourceControl* sources = nullptr;
  /// Null: GetServerInfo tells nothing of it. Any thread.
  std::function<ProcessLoad()> process_load;
};

/// Cannot listen: address in use, no permission, no such host. The message names the address and what to do.
class BindError : public core::Error {
 public:
  BindError(const std::string& message, bool permission)
      : Error(permission ? core::ErrorCode::kPermissionDenied : core::ErrorCode::kUnavailable, message) {}
};

class Server {
 public:
  /// Listens and serves from here on. Throws BindError.
  Server(ServerOptions options, ServerParts parts);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// As drain() with no time left.
  ~Server();

  /// Wakes the readers: rows were published. Tick thread; never blocks, never calls gRPC.
  void on_tick() noexcept;
  /// What it counts. Any thread.
  const ServerStats& stats() const noexcept;
  /// For those who add to it: what the composition root knows and the server does not. Any thread.
  ServerStats& stats() noexcept;
  /// Encoded bytes that no connection has taken yet, and their limit. Any thread.
  std::int64_t queued_bytes() const noexcept;
  std::int64_t max_queued_bytes() const noexcept;
  /// Health for grpc.health.v1, of the server and of each service: a drain makes it false first of all. Any thread.
  void set_serving(bool serving);
  /// Runs `answer` on the thread ms-accept or ms-subscribe, later; not once they are stopped. Any thread that may call
  /// gRPC; waits for neither.
  void provoke_accept(std::function<void()> answer);
  void provoke_subscribe(std::function<void()> answer);
  /// Addresses that clients can use, with real port numbers: "unix:/run/x.sock", "127.0.0.1:50071".
  std::vector<std::string> addresses() const;
  /// Stops accepting and opening, ends all publishers (kShutdown), lets subscribers read to their End, then closes.
  /// False if some were still there at the end of `patience` and were cut off. Call once, not on a gRPC thread.
  bool drain(std::chrono::milliseconds patience);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace melstream::rpc
