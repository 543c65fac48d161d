// The server's composition and its end. Threads: docs/architecture.md.
#include "melstream/rpc/server.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <utility>

#include <pthread.h>

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
#include "melstream/rpc/listener_credentials.hpp"
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
constexpr int kMaxMetadataBytes = 8 << 10;
// What gRPC takes for what comes in. A flood of frames that it has to keep stops there.
constexpr std::size_t kMaxGrpcBytes = std::size_t{128} << 20;
constexpr int kHandshakeTimeoutMs = 5'000;
constexpr int kKeepaliveMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
constexpr int kMinPingIntervalMs = 10'000;
constexpr int kMaxConnectionIdleMs = 300'000;
constexpr milliseconds kHousekeepingPeriod{1'000};
// In a drain: of a peer that has vanished, or that takes nothing.
constexpr milliseconds kDrainAnswers{3'000};
// After the patience: for calls to be cancelled, then for gRPC to give up connections that were cut.
constexpr milliseconds kCancelAfter{200};
constexpr milliseconds kCutAfter{400};

Environment make_environment(ServerOptions options, ServerParts parts, access::Access& access) {
  if (!parts.poke) parts.poke = [] {};
  Environment environment{.options = std::move(options), .parts = std::move(parts)};
  environment.access = &access;
  environment.start_wall_ns = environment.clock().wall_ns();
  return environment;
}

std::vector<ListenSocket> listen_on(const ServerOptions& options) {
  std::vector<ListenSocket> sockets;
  for (const ListenerSpec& listener : options.listeners) sockets.push_back(ListenSocket::open(listener));
  return sockets;
}

/// @param anonymous_tcp in place of what the listeners of kind kTcp were made with.
std::vector<access::Entrance> make_entrances(const std::vector<ListenerSpec>& listeners,
                                             const std::vector<bool>& is_local,
                                             std::optional<access::RoleSet> anonymous_tcp = std::nullopt) {
  std::vector<access::Entrance> entrances;
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    access::Entrance entrance{.anonymous = listeners[i].anonymous, .local = is_local[i]};
    if (listeners[i].kind == ListenerSpec::Kind::kTcp) entrance.anonymous = anonymous_tcp.value_or(entrance.anonymous);
    if (listeners[i].kind == ListenerSpec::Kind::kTls) entrance.anonymous = {};
    if (!entrance.local) entrance.anonymous = entrance.anonymous.without(access::Role::kAdmin);
    entrances.push_back(entrance);
  }
  return entrances;
}

std::vector<bool> which_are_local(const std::vector<ListenSocket>& sockets) {
  std::vector<bool> local;
  local.reserve(sockets.size());
  for (const ListenSocket& socket : sockets) local.push_back(socket.is_local());
  return local;
}

/// Another daemon may be about to give them free.
std::vector<ListenSocket> listen_in_time(const ServerOptions& options) {
  constexpr milliseconds kAgain{10};
  const auto deadline = std::chrono::steady_clock::now() + options.take_over_patience;
  for (;;) {
    try {
      return listen_on(options);
    } catch (const AddressInUse&) {
      if (std::chrono::steady_clock::now() >= deadline) throw;
    }
    std::this_thread::sleep_for(kAgain);
  }
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

void set_limits(grpc::ServerBuilder& builder, const ServerOptions& options) {
  if (options.max_calls_per_connection > 0) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_calls_per_connection);
  }
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
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
  quota.Resize(kMaxGrpcBytes);  // then it takes no more from the sockets, and gives idle connections up
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
  void hand_over(std::size_t listener, int fd);
  void add_listeners(grpc::ServerBuilder& builder);
  void serve();
  void keep_house();
  void set_serving(bool serving);
  void on_forbidden(const std::string& identity, const std::string& message) const;
  void retire(milliseconds patience);
  bool stop(milliseconds patience);

  // In the order in which each stands on those before it.
  std::vector<ListenSocket> sockets;  ///< first of all, since this is what fails at a start; later the acceptor's
  const std::vector<bool> is_local;
  access::Access access;
  const Environment environment;
  std::vector<std::string> addresses;
  std::shared_ptr<CertificateSource> certificates;  ///< null: no TLS
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
  std::vector<std::shared_ptr<grpc::ServerCredentials>> credentials;                         ///< of each listener
  std::vector<std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor>> connections;  ///< of each listener
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<SubscribeQueue> subscribers;
  std::unique_ptr<Acceptor> acceptor;
  bool stopped = false;
  std::mutex loops_mutex;  // protects loops_stopped
  bool loops_stopped = false;
  std::thread retiring;  ///< "ms-retire": waits for calls that go on
};

Server::State::State(ServerOptions the_options, ServerParts the_parts)
    : sockets(listen_in_time(the_options)),
      is_local(which_are_local(sockets)),
      access(the_options.access, make_entrances(the_options.listeners, is_local), the_parts.registry.clock(),
             [this](const std::string& identity, const std::string& message) { on_forbidden(identity, message); }),
      environment(make_environment(std::move(the_options), std::move(the_parts), access)),
      queued(environment.options.max_queued_bytes),
      publishers(static_cast<std::size_t>(environment.registry().options().max_streams) + 64),
      watches(environment, [this] { worker.wake(); }),
      windows(environment, queued),
      worker("ms-publish", {.on_wake = [this] { serve(); }, .on_period = [this] { keep_house(); }},
             kHousekeepingPeriod),
      audio_service(environment, publishers),
      feature_service(environment, queued, windows, watches),
      admin_service(
          environment, [this](const access::Grant& grant) { return subscribers->describe(grant); },
          [this] { return windows.n_parked(); }) {
  for (const ListenSocket& socket : sockets) addresses.push_back(socket.address());
  enable_plugins();
  grpc::ServerBuilder builder;
  set_limits(builder, environment.options);
  builder.RegisterService(&audio_service);
  builder.RegisterService(&feature_service);
  builder.RegisterService(&admin_service);
  add_listeners(builder);
  auto queue = builder.AddCompletionQueue();
  server = builder.BuildAndStart();
  if (!server) throw core::Error(core::ErrorCode::kInternal, "the gRPC server does not start; see its log");
  subscribers = std::make_unique<SubscribeQueue>(environment, feature_service, std::move(queue), queued);
  acceptor = std::make_unique<Acceptor>(
      std::move(sockets), environment.options.connections,
      Acceptor::Hooks{.hand_over = [this](std::size_t listener, int fd) { hand_over(listener, fd); },
                      .on_wake = [this] { on_wake(); },
                      .stats = environment.stats.get()});
  set_serving(true);
}

void Server::State::add_listeners(grpc::ServerBuilder& builder) {
  const ServerOptions& options = environment.options;
  if (options.certificates) certificates = std::make_shared<CertificateSource>(*options.certificates);
  for (std::size_t i = 0; i < options.listeners.size(); ++i) {
    const ListenerTraits traits{
        .number = i, .reflection = is_local[i], .access = is_local[i] ? nullptr : environment.access};
    const bool is_tls = options.listeners[i].kind == ListenerSpec::Kind::kTls;
    if (is_tls && !certificates) throw core::Error(core::ErrorCode::kInternal, "a listener with TLS, no certificates");
    credentials.push_back(is_tls ? tls_credentials(traits, certificates, options.require_client_certificate)
                                 : plain_credentials(traits));
    connections.push_back(builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, credentials.back()));
  }
}

void Server::State::hand_over(std::size_t listener, int fd) {
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.fd = fd;
  connections[listener]->HandleNewConnection(&connection);
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
  environment.registry().overload().set_queued_bytes(queued.now());
  environment.registry().collect();
  publishers.keep_house(environment.clock().mono_ns());
  windows.keep_house();
  watches.end_revoked();
  if (watches.is_stale()) watches.update();
}

void Server::State::on_forbidden(const std::string& identity, const std::string& message) const {
  environment.stats->auth_failed(AuthFailure::kForbidden);
  if (!environment.parts.on_refusal) return;
  environment.parts.on_refusal({.reason = "permission", .peer = "identity " + identity, .message = message});
}

void Server::State::set_serving(bool serving) {
  grpc::HealthCheckServiceInterface* const health = server->GetHealthCheckService();
  health->SetServingStatus(serving);
  for (const std::string& service : services) health->SetServingStatus(service, serving);
}

void Server::State::retire(milliseconds patience) {
  environment.retired->store(true);
  set_serving(false);
  acceptor->stop_accepting();
  environment.registry().drain();
  watches.end_all();  // at the next daemon they begin with what is there
  acceptor->wake();   // those who wait for a stream are told that none comes
  // GOAWAY to all, at once; calls that run go on. Longer than the patience: then drain() ends them properly.
  const auto until = std::chrono::system_clock::now() + patience + std::chrono::hours(1);
  retiring = std::thread([this, until] {
    pthread_setname_np(pthread_self(), "ms-retire");
    server->Shutdown(until);
  });
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
  acceptor->expect_answers_within(kDrainAnswers);
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
  if (retiring.joinable()) retiring.join();  // no call is left
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

void Server::set_access(access::AccessRules rules, access::RoleSet anonymous_tcp) {
  state_->access.replace(std::move(rules),
                         make_entrances(state_->environment.options.listeners, state_->is_local, anonymous_tcp));
}

void Server::set_connection_limits(const ConnectionLimits& limits) { state_->acceptor->set_limits(limits); }

void Server::set_certificates(access::Certificates certificates) {
  if (state_->certificates) state_->certificates->replace(std::move(certificates));
}

void Server::retire(std::chrono::milliseconds patience) { state_->retire(patience); }

bool Server::is_idle() const { return state_->publishers.empty() && state_->subscribers->n_calls() == 0; }

bool Server::drain(std::chrono::milliseconds patience) { return state_->stop(patience); }

}  // namespace melstream::rpc
