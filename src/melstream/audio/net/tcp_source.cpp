// The sockets of tcp://: accepts, reads, closes. All but the calls of the daemon runs on the thread of sockets.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <string.h>  // explicit_bzero

#include "melstream/audio/net/net_sources.hpp"
#include "melstream/audio/net/sender_events.hpp"
#include "melstream/audio/net/tcp_sender.hpp"
#include "melstream/audio/net_loop.hpp"
#include "melstream/audio/net_ticker.hpp"
#include "melstream/audio/seldom.hpp"

namespace melstream::audio {
namespace {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;
using std::chrono::milliseconds;

constexpr milliseconds kLook{100};
/// How soon a fast connection is read again after its stream had no room.
constexpr milliseconds kRoomLook{5};
/// Connections accepted before others have their turn.
constexpr int kAcceptsATurn = 16;

/// So that a peer that vanished without a word is noticed, even with idle_timeout_s=0.
void set_keepalive(int fd) noexcept {
  const auto set = [fd](int level, int name, int value) { setsockopt(fd, level, name, &value, sizeof(value)); };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 20);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 10'000);  // ms
}

/// Lives on ms-net.
class TcpServer {
 public:
  TcpServer(const TcpParams& params, const SourceParts& parts, OwnedFd listener)
      : parts_(parts),
        shared_{.params = params, .parts = parts, .port = local_address(listener.get()).port()},
        listener_(std::make_shared<stream_descriptor>(parts.net.context(), listener.release())),
        ticker_(parts.net, kLook, [this] { look(); }) {
    wait_for_connection();
  }
  TcpServer(const TcpServer&) = delete;
  TcpServer& operator=(const TcpServer&) = delete;
  ~TcpServer() { close_all(core::EndReason::kSourceLost, "the source was closed"); }

  void close_all(core::EndReason reason, const std::string& why) {
    error_code ignored;
    listener_->close(ignored);
    for (const auto& [key, connection] : connections_) connection->sender->end(reason, why);
    while (!connections_.empty()) close(*connections_.begin()->second);
  }
  void add_status(core::SourceStatus& status) const;

 private:
  struct Connection {
    Connection(boost::asio::io_context& context, int fd) : descriptor(context, fd) {}
    stream_descriptor descriptor;
    std::unique_ptr<TcpSender> sender;  ///< null: closed
    bool held_back = false;             ///< waits for room, or for its end's
    bool at_end = false;
  };

  void wait_for_connection();
  void accept_some();
  void accept(OwnedFd fd, const NetAddress& peer);
  void wait_for_bytes(const std::shared_ptr<Connection>& connection);
  void read(const std::shared_ptr<Connection>& connection);
  void hold_back(Connection& connection);
  void close(Connection& connection);
  void look();
  void look_for_room();

  const SourceParts& parts_;
  TcpShared shared_;
  std::shared_ptr<stream_descriptor> listener_;  ///< shared with its handler
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
  std::int64_t n_connections_ = 0;
  bool is_full_told_ = false;
  bool accept_failed_ = false;  ///< until the next look
  Seldom foreign_peer_;
  Seldom accept_failure_;
  std::array<std::byte, TcpSender::kMaxRead> buffer_{};  ///< of all: wiped after each read
  NetTicker ticker_;
  std::optional<NetTicker> room_ticker_;  ///< while somebody is held back
};

void TcpServer::wait_for_connection() {
  listener_->async_wait(stream_descriptor::wait_read, [this, listener = listener_](const error_code& error) {
    if (error || !listener->is_open()) return;  // closed: this is gone
    accept_some();
    if (!accept_failed_) wait_for_connection();
  });
}

void TcpServer::accept_some() {
  for (int i = 0; i < kAcceptsATurn; ++i) {
    sockaddr_storage storage{};
    socklen_t size = sizeof(storage);
    OwnedFd fd(accept4(listener_->native_handle(), reinterpret_cast<sockaddr*>(&storage), &size,
                       SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.get() >= 0) {
      accept(std::move(fd), NetAddress(reinterpret_cast<const sockaddr&>(storage)));
      continue;
    }
    const int error = errno;
    if (error == EAGAIN) return;
    if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) continue;  // it is gone already
    accept_failed_ = true;  // it would be ready at once again
    if (accept_failure_.is_due(parts_.clock.mono_ns())) {
      parts_.tell({.level = SourceEvent::Level::kWarning,
                   .name = "accept_failed",
                   .fields = {{"reason", std::generic_category().message(error) + "; raise LimitNOFILE"}}});
    }
    return;
  }
}

void TcpServer::accept(OwnedFd fd, const NetAddress& peer) {
  ++n_connections_;
  const SenderParams& params = shared_.params.sender;
  if (!params.bind.allow_from.contains(peer)) {
    ++shared_.n_refused;
    if (foreign_peer_.is_due(parts_.clock.mono_ns())) tell_refused(parts_, peer, "not in allow_from");
    return;
  }
  if (connections_.size() >= params.max_senders) {
    ++shared_.n_refused;
    if (!std::exchange(is_full_told_, true)) {
      tell_refused(parts_, peer, std::to_string(params.max_senders) + " connections are open (max_connections)");
    }
    return;
  }
  set_keepalive(fd.get());
  const auto connection = std::make_shared<Connection>(parts_.net.context(), fd.release());
  connection->sender = std::make_unique<TcpSender>(shared_, peer, parts_.clock.mono_ns(),
                                                   [this, raw = connection.get()] { close(*raw); });
  connections_.emplace(connection.get(), connection);
  wait_for_bytes(connection);
}

void TcpServer::wait_for_bytes(const std::shared_ptr<Connection>& connection) {
  connection->descriptor.async_wait(stream_descriptor::wait_read, [this, connection](const error_code& error) {
    if (error || !connection->sender) return;  // closed: this may be gone
    read(connection);
  });
}

void TcpServer::read(const std::shared_ptr<Connection>& connection) {
  TcpSender& sender = *connection->sender;
  const std::size_t room = sender.room();
  if (room == 0) return hold_back(*connection);
  const ssize_t n = ::read(connection->descriptor.native_handle(), buffer_.data(), std::min(room, buffer_.size()));
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return wait_for_bytes(connection);
  if (n < 0) {
    sender.fail(errno);
    return close(*connection);
  }
  if (n == 0) {
    connection->at_end = true;
    return sender.take_end() ? hold_back(*connection) : close(*connection);
  }
  const auto size = static_cast<std::size_t>(n);
  const bool goes_on = sender.take(std::span(buffer_).first(size), parts_.clock.mono_ns());
  explicit_bzero(buffer_.data(), size);
  if (!goes_on) return close(*connection);
  wait_for_bytes(connection);
}

void TcpServer::hold_back(Connection& connection) {
  connection.held_back = true;
  if (!room_ticker_) room_ticker_.emplace(parts_.net, kRoomLook, [this] { look_for_room(); });
}

void TcpServer::look_for_room() {
  std::vector<std::shared_ptr<Connection>> ready;
  std::size_t n_held_back = 0;
  for (const auto& [key, connection] : connections_) {
    if (!connection->held_back) continue;
    ++n_held_back;
    if (connection->at_end || connection->sender->room() > 0) ready.push_back(connection);
  }
  for (const auto& connection : ready) {
    connection->held_back = false;
    if (!connection->at_end) {
      read(connection);
    } else if (connection->sender->take_end()) {
      connection->held_back = true;
    } else {
      close(*connection);
    }
  }
  if (n_held_back == 0) room_ticker_.reset();
}

void TcpServer::close(Connection& connection) {
  const auto keeps = connections_.extract(&connection);
  connection.sender.reset();
  error_code ignored;
  connection.descriptor.close(ignored);
  is_full_told_ = false;
}

void TcpServer::look() {
  const std::int64_t now_ns = parts_.clock.mono_ns();
  std::vector<Connection*> gone;
  for (const auto& [key, connection] : connections_) {
    if (!connection->sender->check(now_ns, connection->held_back)) gone.push_back(key);
  }
  for (Connection* const connection : gone) close(*connection);
  if (std::exchange(accept_failed_, false)) wait_for_connection();
}

void TcpServer::add_status(core::SourceStatus& status) const {
  core::IngestCounters sum = shared_.ended;
  for (const auto& [key, connection] : connections_) {
    const PcmSession* const session = connection->sender->session();
    if (session == nullptr) continue;
    add_counters(sum, session->counters());
    for (std::string& id : session->stream_ids()) status.streams.push_back(std::move(id));
  }
  std::sort(status.streams.begin(), status.streams.end());
  if (!listener_->is_open()) {
    status.state = core::SourceState::kEnded;
    status.detail = "ended";
  } else {
    status.state = status.streams.empty() ? core::SourceState::kWaiting : core::SourceState::kLive;
    status.detail = "listening on " + local_address(listener_->native_handle()).text() + ", " +
                    std::to_string(connections_.size()) + " connections";
  }
  status.counters = {
      {"connections", n_connections_}, {"connections_refused", shared_.n_refused}, {"bytes", shared_.n_bytes}};
  append_counters(sum, status.counters);
}

class TcpSource final : public Source {
 public:
  TcpSource(const core::SourceSpec& spec, const SourceUri& uri, const SourceParts& parts)
      : params_(parse_tcp_params(spec, uri)), parts_(parts) {
    const SenderParams& sender = params_.sender;
    OwnedFd fd =
        make_listener(bind_address(sender.bind, Transport::kStream, parts.allow_insecure_bind), sender.bind.scheme);
    parts_.net.call([&] { server_ = std::make_unique<TcpServer>(params_, parts_, std::move(fd)); });
  }
  TcpSource(const TcpSource&) = delete;
  TcpSource& operator=(const TcpSource&) = delete;
  ~TcpSource() override {
    parts_.net.call([this] { server_.reset(); });
  }

  core::SourceStatus status() const override {
    core::SourceStatus status;
    parts_.net.call([&] { server_->add_status(status); });
    return status;
  }
  void end(core::EndReason reason) override {
    parts_.net.call([&] { server_->close_all(reason, "the source was closed"); });
  }

 private:
  const TcpParams params_;
  const SourceParts parts_;
  std::unique_ptr<TcpServer> server_;  ///< lives on ms-net
};

}  // namespace

SourceKind tcp_kind() {
  return {.scheme = "tcp",
          .form = "tcp://HOST:PORT",
          .check = [](const core::SourceSpec& spec, const SourceUri& uri) { parse_tcp_params(spec, uri); },
          .make = [](const core::SourceSpec& spec, const SourceUri& uri, const SourceParts& parts)
              -> std::unique_ptr<Source> { return std::make_unique<TcpSource>(spec, uri, parts); }};
}

}  // namespace melstream::audio
