// The server's composition and its end. Threads: docs/architecture.md.
#include "melstream/rpc/server.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include <absl/synchronization/mutex.h>
#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "melstream/rpc/acceptor.hpp"
#include "melstream/rpc/admin_service.hpp"
#include "melstream/rpc/audio_service.hpp"
#include "melstream/rpc/connection_table.hpp"
#include "melstream/rpc/convert.hpp"
#include "melstream/rpc/environment.hpp"
#include "melstream/rpc/feature_service.hpp"
#include "melstream/rpc/listen_socket.hpp"
#include "melstream/rpc/publishers.hpp"
#include "melstream/rpc/queue_budget.hpp"
#include "melstream/rpc/subscribe_queue.hpp"
#include "melstream/rpc/watch_calls.hpp"
#include "melstream/rpc/window_calls.hpp"
#include "melstream/rpc/worker.hpp"

namespace melstream::rpc {
namespace {

using std::chrono::milliseconds;

// A batch of 1,000,000 bytes of audio, such as 20 ms of 1,500 calls at 16 kHz, with its headers. gRPC has one limit for
// all methods; what a chunk and a batch may hold is checked by their sessions.
constexpr int kMaxMessageBytes = 1 << 20;
constexpr int kHandshakeTimeoutMs = 5'000;
constexpr int kKeepaliveMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
constexpr int kMinPingIntervalMs = 10'000;
constexpr int kMaxConnectionIdleMs = 300'000;
constexpr milliseconds kHousekeepingPeriod{1'000};
// After the patience: for calls to be cancelled, then for gRPC to give up connections that were cut.
constexpr milliseconds kCancelAfter{200};
constexpr milliseconds kCutAfter{400};

Environment make_environment(ServerOptions options, ServerParts parts) {
  if (!parts.poke) parts.poke = [] {};
  Environment environment{.options = std::move(options), .parts = std::move(parts)};
  environment.start_wall_ns = environment.clock().wall_ns();
  return environment;
}

std::vector<ListenSocket> listen_on(const ServerOptions& options) {
  std::vector<ListenSocket> listeners;
  if (!options.socket.empty()) listeners.push_back(ListenSocket::unix_domain(options.socket));
  for (const std::string& address : options.listen) listeners.push_back(ListenSocket::tcp(address));
  return listeners;
}

/// Once in the process, before the first server is built.
void enable_plugins() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Debian builds Abseil with checks for deadlocks: each lock in gRPC walks a graph and takes a stack trace.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    // For as long as the process lives: shutting the whole of gRPC down may wait 10 s for a poller of its own.
    grpc_init();
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

void set_limits(grpc::ServerBuilder& builder) {
  // A 61 kB gzip message is inflated to 60 MB before it is refused: identity only.
  builder.AddChannelArgument(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kMaxConnectionIdleMs);
  // Reflection is the one synchronous service: without a limit, a storm of resets starts thousands of threads.
  grpc::ResourceQuota quota("melstream");
  quota.SetMaxThreads(4);
  builder.SetResourceQuota(quota);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
}

}  // namespace

struct Server::State {
  State(ServerOptions options, ServerParts parts);
  ~State() { stop(milliseconds(0)); }

  void on_wake();
  void hand_over(int fd);
  void serve();
  void keep_house();
  void set_serving(bool serving);
  bool stop(milliseconds patience);

  // In the order in which each stands on those before it.
  const Environment environment;
  std::vector<std::string> addresses;
  /// As grpc.health.v1 is asked for them.
  const std::array<std::string, 3> services{v1::AudioService::service_full_name(),
                                            v1::FeatureService::service_full_name(),
                                            v1::AdminService::service_full_name()};
  QueueBudget queued;
  Publishers publishers;
  WatchCalls watches;
  WindowCalls windows;
  Worker worker;  ///< "ms-publish": resumes publishers, tells watchers, keeps house
  AudioService audio_service;
  FeatureService feature_service;
  AdminService admin_service;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> connections;
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<SubscribeQueue> subscribers;
  std::unique_ptr<Acceptor> acceptor;
  bool stopped = false;
  std::mutex loops_mutex;  // protects loops_stopped
  bool loops_stopped = false;
};

Server::State::State(ServerOptions the_options, ServerParts the_parts)
    : environment(make_environment(std::move(the_options), std::move(the_parts))),
      queued(environment.options.max_queued_bytes),
      publishers(static_cast<std::size_t>(environment.registry().options().max_streams) + 64),
      watches(environment, [this] { worker.wake(); }),
      windows(environment),
      worker("ms-publish", {.on_wake = [this] { serve(); }, .on_period = [this] { keep_house(); }},
             kHousekeepingPeriod),
      audio_service(environment, publishers),
      feature_service(environment, queued, windows, watches),
      admin_service(environment.parts.sources, [this] { return subscribers->describe(); }) {
  // First of all: this is what fails at a start.
  std::vector<ListenSocket> listeners = listen_on(environment.options);
  for (const ListenSocket& listener : listeners) addresses.push_back(listener.address());

  enable_plugins();
  grpc::ServerBuilder builder;
  set_limits(builder);
  builder.RegisterService(&audio_service);
  builder.RegisterService(&feature_service);
  builder.RegisterService(&admin_service);
  connections = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, grpc::InsecureServerCredentials());
  auto queue = builder.AddCompletionQueue();
  server = builder.BuildAndStart();
  if (!server) throw core::Error(core::ErrorCode::kInternal, "the gRPC server does not start; see its log");
  subscribers = std::make_unique<SubscribeQueue>(environment, feature_service, std::move(queue), queued);
  const int limit =
      environment.options.max_connections > 0 ? environment.options.max_connections : default_max_connections();
  acceptor = std::make_unique<Acceptor>(std::move(listeners), limit,
                                        Acceptor::Hooks{.hand_over = [this](int fd) { hand_over(fd); },
                                                        .on_wake = [this] { on_wake(); },
                                                        .stats = environment.stats.get()});
  set_serving(true);
}

void Server::State::hand_over(int fd) {
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.fd = fd;
  connections->HandleNewConnection(&connection);
}

void Server::State::on_wake() {
  if (subscribers->n_calls() > 0) subscribers->wake();
  if (windows.any_parked()) windows.wake();
  if (publishers.any_blocked() || watches.is_stale()) worker.wake();
}

void Server::State::serve() {
  publishers.resume_blocked();
  watches.update();
}

void Server::State::keep_house() {
  environment.registry().collect();
  publishers.keep_house(environment.clock().mono_ns());
  if (watches.is_stale()) watches.update();
}

void Server::State::set_serving(bool serving) {
  grpc::HealthCheckServiceInterface* const health = server->GetHealthCheckService();
  health->SetServingStatus(serving);
  for (const std::string& service : services) health->SetServingStatus(service, serving);
}

bool Server::State::stop(milliseconds patience) {
  if (std::exchange(stopped, true)) return true;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  set_serving(false);
  acceptor->stop_accepting();
  environment.registry().drain();
  publishers.end_all();
  windows.end_all();
  admin_service.end_all();
  acceptor->wake();  // those who wait for a stream are told that none comes
  bool all_read = subscribers->wait_until_idle(patience);
  watches.end_all();
  // gRPC calls a call over once the kernel has its last bytes. A client that has not read them when its connection is
  // closed loses them: its next write fails, and it gives the connection up. Nothing tells whose a connection is, so an
  // idle client of gRPC, which looks at its own every 5 s only, may be waited for as well.
  if (all_read && subscribers->served_any()) all_read = acceptor->wait_until_taken(deadline);
  // Shutdown() cancels the calls that are left, but then waits for writes to peers that may have vanished; cutting
  // their connections ends that.
  acceptor->cut_connections_after(kCutAfter);
  server->Shutdown(std::chrono::system_clock::now() + kCancelAfter);
  {
    const std::lock_guard lock(loops_mutex);
    loops_stopped = true;
  }
  // Both stay, so that on_tick() finds them.
  acceptor->stop();
  subscribers->stop();
  return all_read;
}

Server::Server(ServerOptions options, ServerParts parts)
    : state_(std::make_unique<State>(std::move(options), std::move(parts))) {}

Server::~Server() = default;

void Server::on_tick() noexcept {
  if (state_->subscribers->n_calls() == 0 && !state_->windows.any_parked() && !state_->publishers.any_blocked() &&
      !state_->watches.is_stale()) {
    return;
  }
  state_->acceptor->wake();
}

const ServerStats& Server::stats() const noexcept { return *state_->environment.stats; }

ServerStats& Server::stats() noexcept { return *state_->environment.stats; }

std::int64_t Server::queued_bytes() const noexcept { return state_->queued.now(); }

std::int64_t Server::max_queued_bytes() const noexcept { return state_->queued.limit(); }

void Server::set_serving(bool serving) { state_->set_serving(serving); }

void Server::provoke_accept(std::function<void()> answer) {
  const std::lock_guard lock(state_->loops_mutex);
  if (!state_->loops_stopped) state_->acceptor->look(std::move(answer));
}

void Server::provoke_subscribe(std::function<void()> answer) {
  const std::lock_guard lock(state_->loops_mutex);
  if (!state_->loops_stopped) state_->subscribers->provoke(std::move(answer));
}

std::vector<std::string> Server::addresses() const { return state_->addresses; }

bool Server::drain(std::chrono::milliseconds patience) { return state_->stop(patience); }

}  // namespace melstream::rpc
