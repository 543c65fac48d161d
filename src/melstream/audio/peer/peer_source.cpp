#include "melstream/audio/peer/peer_source.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "melstream/audio/net_loop.hpp"
#include "melstream/audio/seldom.hpp"

namespace melstream::audio {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kBeat{100};
constexpr std::chrono::milliseconds kOutOfFdsPause{100};
constexpr int kAcceptsAtOnce = 32;  // then the others get their turn

/// So that a peer that vanished without a word is noticed, even with idle_timeout_s=0.
void set_keepalive(int fd) noexcept {
  const auto set = [fd](int level, int name, int value) { setsockopt(fd, level, name, &value, sizeof(value)); };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 20);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 10'000);  // ms
}

}  // namespace

struct PeerSource::State : std::enable_shared_from_this<State> {
  State(SenderParams the_params, const SourceParts& the_parts, PeerProtocol the_protocol)
      : params(std::move(the_params)),
        parts(the_parts),
        protocol(std::move(the_protocol)),
        listener(parts.net.context()),
        pause(parts.net.context()),
        beat(parts.net.context()) {
    OwnedFd fd =
        make_listener(bind_address(params.bind, Transport::kStream, parts.allow_insecure_bind), params.bind.scheme);
    address = local_address(fd.get());
    listener.assign(fd.release());
  }

  void wait_for_peer();
  void accept_all();
  void take(OwnedFd fd, const NetAddress& peer);
  void refuse(const PeerContext& context, const std::string& reason);
  void wait_for_beat();
  void forget_gone();
  void stop(core::EndReason reason);
  core::SourceStatus status() const;

  const SenderParams params;
  const SourceParts parts;
  const PeerProtocol protocol;
  NetAddress address;
  // ms-net, all below.
  asio::posix::stream_descriptor listener;
  asio::steady_timer pause;
  asio::steady_timer beat;
  PeerTotals totals;
  struct Numbered {
    std::shared_ptr<PeerConnection> connection;
    std::size_t number;
  };
  std::vector<Numbered> connections;
  SenderNumbers numbers;
  Seldom refusal;  // of those who get no connection
  Seldom accept_failure;
  bool stopped = false;
};

void PeerSource::State::wait_for_peer() {
  listener.async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (!error && !self->stopped) self->accept_all();
                      });
}

void PeerSource::State::accept_all() {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    sockaddr_storage peer{};
    socklen_t size = sizeof(peer);
    OwnedFd fd(
        accept4(listener.native_handle(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.get() >= 0) {
      take(std::move(fd), NetAddress(reinterpret_cast<const sockaddr&>(peer)));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      // The connection stays in the kernel's queue, so waiting for the listener would spin.
      if (const int error = errno; accept_failure.is_due(parts.clock.mono_ns())) {
        parts.tell({.level = SourceEvent::Level::kWarning,
                    .name = "accept_failed",
                    .fields = {{"reason", std::generic_category().message(error) + "; raise LimitNOFILE"}}});
      }
      pause.expires_after(kOutOfFdsPause);
      pause.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
        if (!error && !self->stopped) self->wait_for_peer();
      });
      return;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    }
    // Else this one connection failed: the next may not.
  }
  wait_for_peer();
}

void PeerSource::State::take(OwnedFd fd, const NetAddress& peer) {
  ++totals.connections;
  PeerContext context{params, parts, totals, peer, address.port()};
  forget_gone();
  if (!params.bind.allow_from.contains(peer)) return refuse(context, "not in allow_from");
  if (connections.size() >= params.max_senders) {
    return refuse(context, std::to_string(params.max_senders) + " connections are open (max_connections)");
  }
  set_keepalive(fd.get());
  context.number = numbers.take();
  try {
    connections.push_back({protocol.connect(std::move(fd), context), context.number});
  } catch (const std::exception& error) {  // of the system: it has no memory for one more
    numbers.give_back(context.number);
    return context.refuse(error.what());
  }
  if (connections.size() == 1) wait_for_beat();
}

void PeerSource::State::refuse(const PeerContext& context, const std::string& reason) {
  if (refusal.is_due(parts.clock.mono_ns())) return context.refuse(reason);
  ++totals.refused;
}

void PeerSource::State::wait_for_beat() {
  beat.expires_after(kBeat);
  beat.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error || self->stopped) return;
    const std::int64_t now_ns = self->parts.clock.mono_ns();
    for (const auto& [connection, number] : self->connections) connection->tick(now_ns);
    self->forget_gone();
    if (!self->connections.empty()) self->wait_for_beat();
  });
}

void PeerSource::State::forget_gone() {
  for (const auto& [connection, number] : connections) {
    if (connection->is_gone()) numbers.give_back(number);
  }
  std::erase_if(connections, [](const Numbered& one) { return one.connection->is_gone(); });
}

void PeerSource::State::stop(core::EndReason reason) {
  if (stopped) return;
  stopped = true;
  listener.close();
  pause.cancel();
  beat.cancel();
  for (const auto& [connection, number] : connections) connection->end(reason);
  connections.clear();
}

core::SourceStatus PeerSource::State::status() const {
  core::SourceStatus status{.spec = params.spec};
  PeerTotals now = totals;
  for (const auto& [connection, number] : connections) {
    if (connection->session() == nullptr) continue;
    status.state = core::SourceState::kLive;
    for (std::string& id : connection->session()->stream_ids()) status.streams.push_back(std::move(id));
    add_counters(now.samples, connection->session()->counters());
  }
  if (stopped) {
    status.state = core::SourceState::kEnded;
    status.detail = "ended";
  } else {
    status.detail = "listening on " + address.text() + ", " + std::to_string(connections.size()) + " connections";
  }
  std::sort(status.streams.begin(), status.streams.end());
  status.counters = {{"connections", now.connections}, {"connections_refused", now.refused}, {"bytes", now.bytes}};
  if (protocol.has_messages) {
    status.counters.push_back({"messages", now.messages});
    status.counters.push_back({"messages_ignored", now.ignored});
  }
  append_counters(now.samples, status.counters);
  return status;
}

PeerSource::PeerSource(SenderParams params, const SourceParts& parts, PeerProtocol protocol)
    : state_(std::make_shared<State>(std::move(params), parts, std::move(protocol))) {
  parts.net.call([this] { state_->wait_for_peer(); });
}

PeerSource::~PeerSource() { end(core::EndReason::kSourceLost); }

core::SourceStatus PeerSource::status() const {
  core::SourceStatus status;
  state_->parts.net.call([&] { status = state_->status(); });
  return status;
}

void PeerSource::end(core::EndReason reason) {
  state_->parts.net.call([&] { state_->stop(reason); });
}

const NetAddress& PeerSource::address() const noexcept { return state_->address; }

}  // namespace melstream::audio
