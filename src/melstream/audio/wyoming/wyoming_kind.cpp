#include "melstream/audio/wyoming/wyoming_kind.hpp"

#include <array>
#include <chrono>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <string.h>  // explicit_bzero

#include "melstream/audio/net_loop.hpp"
#include "melstream/audio/peer/peer_source.hpp"
#include "melstream/audio/wyoming/wyoming_session.hpp"

namespace melstream::audio {
namespace {

namespace asio = boost::asio;
using Error = boost::system::error_code;

constexpr std::size_t kReadBytes = std::size_t{16} << 10;
constexpr std::chrono::seconds kGoodbye{2};

/// The socket of one session. Reads no further while an answer is being sent, so a peer that reads nothing costs one
/// answer.
class WyomingConnection final : public PeerConnection, public std::enable_shared_from_this<WyomingConnection> {
 public:
  WyomingConnection(OwnedFd fd, const PeerContext& context, const core::PcmFormat& channels)
      : clock_(context.parts.clock),
        socket_(context.parts.net.context()),
        goodbye_(context.parts.net.context()),
        session_(context, channels, clock_.mono_ns(), [this] { take_over(); }) {
    socket_.assign(context.peer.is_v4() ? asio::ip::tcp::v4() : asio::ip::tcp::v6(), fd.get());
    fd.release();
  }
  ~WyomingConnection() override { explicit_bzero(buffer_.data(), buffer_.size()); }

  void go_on();
  void tick(std::int64_t now_ns) override {
    session_.tick(now_ns);
    go_on();
  }
  void end(core::EndReason reason) override {
    session_.end(reason);
    go_on();
  }
  bool is_gone() const noexcept override { return !socket_.is_open(); }
  const PcmSession* session() const noexcept override { return session_.stream(); }

 private:
  void take_over() {
    session_.take_over();
    go_on();
  }
  void send();
  void say_goodbye();
  void close();
  void read();
  void on_read(const Error& error, std::size_t n);

  const core::Clock& clock_;
  asio::ip::tcp::socket socket_;
  asio::steady_timer goodbye_;
  WyomingSession session_;
  std::array<std::byte, kReadBytes> buffer_{};
  std::string sending_;
  bool reading_ = false;
  bool leaving_ = false;
};

void WyomingConnection::go_on() {
  if (!socket_.is_open()) return;
  if (sending_.empty() && session_.has_output()) send();
  if (session_.is_over()) say_goodbye();
  if (!reading_ && sending_.empty()) read();
}

void WyomingConnection::send() {
  sending_ = session_.take_output();
  asio::async_write(socket_, asio::buffer(sending_), [self = shared_from_this()](const Error& error, std::size_t) {
    self->sending_.clear();
    if (error) self->session_.peer_left();
    self->go_on();
  });
}

/// What was sent arrives only if the peer's bytes are read until it closes too; not for ever.
void WyomingConnection::say_goodbye() {
  if (!leaving_) {
    leaving_ = true;
    goodbye_.expires_after(kGoodbye);
    goodbye_.async_wait([self = shared_from_this()](const Error&) { self->close(); });
  }
  if (sending_.empty()) {
    Error ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  }
}

void WyomingConnection::close() {
  Error ignored;
  socket_.close(ignored);
}

void WyomingConnection::read() {
  reading_ = true;
  socket_.async_read_some(asio::buffer(buffer_), [self = shared_from_this()](const Error& error, std::size_t n) {
    self->reading_ = false;
    self->on_read(error, n);
  });
}

void WyomingConnection::on_read(const Error& error, std::size_t n) {
  if (error) {
    session_.peer_left();
    goodbye_.cancel();
    return close();
  }
  if (!session_.is_over()) session_.receive(std::span(buffer_).first(n), clock_.mono_ns());
  go_on();
}

struct WyomingUri {
  WyomingUri(const core::SourceSpec& spec, const SourceUri& uri) : WyomingUri(spec, uri, uri.params) {}

  SenderParams peers;
  core::PcmFormat channels;

 private:
  WyomingUri(const core::SourceSpec& spec, const SourceUri& uri, UriParams params)
      : peers(take_sender_params(spec, uri, params, "max_connections")) {
    take_channel(params, channels);
    params.require_valid();
  }
};

void check(const core::SourceSpec& spec, const SourceUri& uri) { WyomingUri(spec, uri); }

std::unique_ptr<Source> make(const core::SourceSpec& spec, const SourceUri& uri, const SourceParts& parts) {
  const WyomingUri wanted(spec, uri);
  const auto connect = [channels = wanted.channels](OwnedFd fd, const PeerContext& context) {
    auto connection = std::make_shared<WyomingConnection>(std::move(fd), context, channels);
    connection->go_on();
    return connection;
  };
  return std::make_unique<PeerSource>(wanted.peers, parts, PeerProtocol{connect, /*has_messages=*/true});
}

}  // namespace

SourceKind wyoming_kind() { return {"wyoming", "wyoming://HOST:PORT", check, make}; }

}  // namespace melstream::audio
