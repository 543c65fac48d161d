// The gRPC server: Asio accepts, connections are counted and handed to gRPC as descriptors (docs/architecture.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "melstream/access/access_rules.hpp"
#include "melstream/access/certificates.hpp"
#include "melstream/core/pcm.hpp"
#include "melstream/core/sources.hpp"
#include "melstream/engine/engine.hpp"
#include "melstream/pipeline/registry.hpp"
#include "melstream/pipeline/window.hpp"
#include "melstream/rpc/server_stats.hpp"

namespace melstream::rpc {

/// Where clients come in.
struct ListenerSpec {
  enum class Kind : std::uint8_t {
    kUnix,
    kTcp,
    kTls,  ///< TCP with TLS: whoever shows neither token nor certificate may nothing
  };
  Kind kind = Kind::kUnix;
  /// A path: a stale socket file is replaced, a live one is an error. Or "HOST:PORT", "[::1]:PORT"; port 0 takes any;
  /// see Server::addresses().
  std::string address;
  /// What one may do here who shows neither token nor certificate; beyond this machine never admin.
  access::RoleSet anonymous = access::RoleSet::all();
  std::string group{};    ///< of the socket file; empty: the process's
  int inherited_fd = -1;  ///< a socket that listens already (systemd's); then `address` is ignored
};

/// Of connections that are accepted; others are closed at once. 0: no limit.
struct ConnectionLimits {
  int max_connections = 0;    ///< 0: what RLIMIT_NOFILE leaves, at most 1024
  int max_per_address = 0;    ///< open ones from one address beyond this machine
  double new_per_second = 0;  ///< from one address beyond this machine, after a burst of two seconds' worth
};

struct ServerOptions {
  std::vector<ListenerSpec> listeners;
  ConnectionLimits connections;
  int max_calls_per_connection = 0;  ///< HTTP/2 streams at once, more wait in the client; 0: no limit
  access::AccessRules access;
  /// For listeners with TLS; required if there are any.
  std::optional<access::Certificates> certificates;
  bool require_client_certificate = true;  ///< if the certificates have a client_ca
  int max_subscriptions = 4096;
  /// A reader that has taken nothing for so long is cut off when more than half of max_queued_bytes is in use: longer
  /// than any pause of one that is alive.
  std::chrono::milliseconds stall_patience{5'000};
  std::int64_t max_queued_bytes = std::int64_t{256} << 20;   ///< of responses that no kernel has taken yet
  std::chrono::milliseconds publisher_idle_timeout{30'000};  ///< then End(SOURCE_LOST)
  std::string version;                                       ///< of the daemon
  std::string build;                                         ///< version and commit
  double tick_ms = 10;
  /// Waits so long for addresses that another program still uses.
  std::chrono::milliseconds take_over_patience{0};
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

/// A call that access control refused.
struct Refusal {
  std::string_view reason;  ///< "unauthenticated", "permission", "limit"
  std::string peer;
  std::string message;
};

/// Who reads features by another way than gRPC, for those who ask who reads.
struct OtherReader {
  std::string peer;
  std::string stream;
  std::string front_end;
  std::int64_t lag_frames = 0;
  std::int64_t delivered_frames = 0;
  std::int64_t gap_frames = 0;
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
  /// Any thread, once a refused call: must be cheap.
  std::function<void(const Refusal&)> on_refusal{};
  /// Null: there are none. Thread: ms-admin; may wait for a moment.
  std::function<std::vector<OtherReader>()> other_readers{};
};

/// Cannot listen: address in use, no permission, no such host. The message names the address and what to do.
class BindError : public core::Error {
 public:
  BindError(const std::string& message, bool permission)
      : Error(permission ? core::ErrorCode::kPermissionDenied : core::ErrorCode::kUnavailable, message) {}
};

/// Another program listens there.
class AddressInUse : public BindError {
 public:
  explicit AddressInUse(const std::string& message) : BindError(message, false) {}
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
  /// Who may do what from now on; calls that may no longer are ended within two seconds. @param anonymous_tcp for
  /// listeners of kind kTcp.
  void set_access(access::AccessRules rules, access::RoleSet anonymous_tcp);
  /// For connections from now on.
  void set_connection_limits(const ConnectionLimits& limits);
  /// For handshakes from now on; those of before live on. Only if it was made with certificates.
  void set_certificates(access::Certificates certificates);
  /// Stops accepting, gives the addresses free, refuses new streams and subscriptions, and asks clients to connect anew
  /// (GOAWAY), while streams and subscriptions that run go on, `patience` at most. drain() ends it. Once; control
  /// threads.
  void retire(std::chrono::milliseconds patience);
  /// Nobody publishes or subscribes.
  bool is_idle() const;
  /// Stops accepting and opening, ends all publishers (kShutdown), lets subscribers read to their End, then closes.
  /// False if some were still there at the end of `patience` and were cut off. Call once, not on a gRPC thread.
  bool drain(std::chrono::milliseconds patience);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace melstream::rpc
