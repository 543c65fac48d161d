#include "melstream/audio/peer/peer_source.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <utility>

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "melstream/audio/net/sender_events.hpp"
#include "melstream/audio/net_loop.hpp"

namespace melstream::audio {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kBeat{250};
constexpr std::chrono::milliseconds kOutOfFdsPause{100};
constexpr int kAcceptsAtOnce = 32;  // then the others get their turn

constexpr double kMostIdleSeconds = 86400;

constexpr std::string_view text_of(core::EndReason reason) noexcept {
  switch (reason) {
    case core::EndReason::kCompleted:
      return "it said that it was done";
    case core::EndReason::kSourceLost:
      return "lost";
    case core::EndReason::kTakenOver:
      return "another publisher took the stream over";
    case core::EndReason::kShutdown:
      return "the daemon shuts down";
  }
  return "";
}

}  // namespace

PeerOptions::PeerOptions(const core::SourceSpec& the_spec, const SourceUri& uri, UriParams& params)
    : spec(the_spec),
      bind(take_bind(uri, params)),
      stream(params.text("stream").value_or("{id}"), {"id", "port", "peer", "n"}),
      max_connections(static_cast<int>(params.integer("max_connections", 64, 1, 4096))),
      idle_timeout_ns(static_cast<std::int64_t>(params.number("idle_timeout_s", 30, 0, kMostIdleSeconds) *
                                                static_cast<double>(core::kNsPerSecond))),
      conceal(take_conceal(params)) {}

std::unique_ptr<PcmSession> PeerContext::open(const StreamWish& wish, std::function<void()> on_takeover) const {
  core::StreamRequest request;
  request.id = wish.id.value_or(options.stream.id(
      {{"id", options.spec.id}, {"port", std::to_string(port)}, {"peer", peer.text()}, {"n", std::to_string(number)}}));
  request.labels = options.spec.labels;
  request.labels.insert(wish.labels.begin(), wish.labels.end());
  request.format = wish.format;
  request.conceal = options.conceal;
  try {
    auto session = std::make_unique<PcmSession>(request, parts, std::move(on_takeover));
    tell_connected(parts, peer, request);
    return session;
  } catch (const core::Error& error) {
    const bool one_id = !wish.id && !options.stream.uses("n") && !options.stream.uses("peer");
    throw core::Error(error.code(), refusal_text(error, one_id), error.field());
  }
}

void PeerContext::close(std::unique_ptr<PcmSession> session, core::EndReason reason) const {
  if (session == nullptr) return;
  session->end(reason);
  add_counters(totals.samples, session->counters());
  tell_gone(parts, peer, *session, reason, std::string(text_of(reason)));
}

void PeerContext::refuse(const std::string& reason) const {
  ++totals.refused;
  tell_refused(parts, peer, reason);
}

struct PeerSource::State : std::enable_shared_from_this<State> {
  State(PeerOptions the_options, const SourceParts& the_parts, Connect the_connect)
      : options(std::move(the_options)),
        parts(the_parts),
        connect(std::move(the_connect)),
        listener(parts.net.context()),
        pause(parts.net.context()),
        beat(parts.net.context()) {
    OwnedFd fd =
        make_listener(bind_address(options.bind, Transport::kStream, parts.allow_insecure_bind), options.bind.scheme);
    address = local_address(fd.get());
    listener.assign(fd.release());
  }

  void wait_for_peer();
  void accept_all();
  void take(OwnedFd fd, const NetAddress& peer);
  void wait_for_beat();
  void forget_gone();
  void stop(core::EndReason reason);
  core::SourceStatus status() const;

  const PeerOptions options;
  const SourceParts parts;
  const Connect connect;
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
      parts.tell({SourceEvent::Level::kWarning, "out_of_descriptors", {{"remedy", "raise LimitNOFILE"}}});
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
  PeerContext context{options, parts, totals, peer, address.port()};
  forget_gone();
  if (!options.bind.allow_from.contains(peer)) return context.refuse("its address is not in allow_from");
  if (connections.size() >= static_cast<std::size_t>(options.max_connections)) {
    return context.refuse("max_connections=" + std::to_string(options.max_connections) + " are open");
  }
  context.number = numbers.take();
  try {
    connections.push_back({connect(std::move(fd), context), context.number});
  } catch (const std::exception& error) {  // of the system: it has no memory for one more
    numbers.give_back(context.number);
    return context.refuse(error.what());
  }
  if (connections.size() == 1) wait_for_beat();
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
  const auto gone = std::stable_partition(connections.begin(), connections.end(),
                                          [](const Numbered& one) { return !one.connection->is_gone(); });
  for (auto one = gone; one != connections.end(); ++one) numbers.give_back(one->number);
  connections.erase(gone, connections.end());
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
  core::SourceStatus status{.spec = options.spec};
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
  status.counters = {{"connections", now.connections},
                     {"connections_refused", now.refused},
                     {"messages", now.messages},
                     {"messages_ignored", now.ignored},
                     {"bytes", now.bytes}};
  append_counters(now.samples, status.counters);
  return status;
}

PeerSource::PeerSource(PeerOptions options, const SourceParts& parts, Connect connect)
    : state_(std::make_shared<State>(std::move(options), parts, std::move(connect))) {
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
