// The sockets of tcp:// connections: read, held back, closed. Runs on the thread of sockets.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string.h>  // explicit_bzero

#include "melstream/audio/net/net_sources.hpp"
#include "melstream/audio/net/tcp_sender.hpp"
#include "melstream/audio/net_loop.hpp"
#include "melstream/audio/peer/peer_source.hpp"

namespace melstream::audio {
namespace {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

/// How soon a fast connection is read again after its stream had no room.
constexpr std::chrono::milliseconds kRoomLook{5};

/// Of all connections of a source, which read one after the other: wiped after each read.
using ReadBuffer = std::array<std::byte, TcpSender::kMaxRead>;

class TcpConnection final : public PeerConnection, public std::enable_shared_from_this<TcpConnection> {
 public:
  TcpConnection(OwnedFd fd, const PeerContext& context, const TcpOptions& options, std::shared_ptr<ReadBuffer> buffer)
      : clock_(context.parts.clock),
        buffer_(std::move(buffer)),
        descriptor_(context.parts.net.context(), fd.release()),
        room_timer_(context.parts.net.context()),
        sender_(std::make_unique<TcpSender>(context, options, clock_.mono_ns(), [this] { close(); })) {}

  void wait_for_bytes();
  void tick(std::int64_t now_ns) override {
    if (sender_ && !sender_->check(now_ns, held_back_)) close();
  }
  void end(core::EndReason reason) override {
    if (!sender_) return;
    sender_->end(reason, reason == core::EndReason::kShutdown ? "the daemon shuts down" : "the source was closed");
    close();
  }
  bool is_gone() const noexcept override { return !sender_; }
  const PcmSession* session() const noexcept override { return sender_ ? sender_->session() : nullptr; }

 private:
  void read();
  void take_end();
  void hold_back();
  void close();

  const core::Clock& clock_;
  const std::shared_ptr<ReadBuffer> buffer_;
  stream_descriptor descriptor_;
  boost::asio::steady_timer room_timer_;
  std::unique_ptr<TcpSender> sender_;  ///< null: closed
  bool held_back_ = false;             ///< waits for room, or for its end's
  bool at_end_ = false;
};

void TcpConnection::wait_for_bytes() {
  descriptor_.async_wait(stream_descriptor::wait_read, [self = shared_from_this()](const error_code& error) {
    if (!error && self->sender_) self->read();
  });
}

void TcpConnection::read() {
  const std::size_t room = sender_->room();
  if (room == 0) return hold_back();
  const ssize_t n = ::read(descriptor_.native_handle(), buffer_->data(), std::min(room, buffer_->size()));
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return wait_for_bytes();
  if (n < 0) {
    sender_->fail(errno);
    return close();
  }
  if (n == 0) {
    at_end_ = true;
    return take_end();
  }
  const auto size = static_cast<std::size_t>(n);
  const bool goes_on = sender_->take(std::span(*buffer_).first(size), clock_.mono_ns());
  explicit_bzero(buffer_->data(), size);
  if (!goes_on) return close();
  wait_for_bytes();
}

void TcpConnection::take_end() {
  if (sender_->take_end()) {
    hold_back();
  } else {
    close();
  }
}

void TcpConnection::hold_back() {
  held_back_ = true;
  room_timer_.expires_after(kRoomLook);
  room_timer_.async_wait([self = shared_from_this()](const error_code& error) {
    if (error || !self->sender_) return;
    self->held_back_ = false;
    if (self->at_end_) {
      self->take_end();
    } else {
      self->read();
    }
  });
}

void TcpConnection::close() {
  sender_.reset();
  error_code ignored;
  descriptor_.close(ignored);
  room_timer_.cancel(ignored);
}

std::unique_ptr<Source> make(const core::SourceSpec& spec, const SourceUri& uri, const SourceParts& parts) {
  TcpParams params = parse_tcp_params(spec, uri);
  const auto connect = [options = params.options, buffer = std::make_shared<ReadBuffer>()](OwnedFd fd,
                                                                                           const PeerContext& context) {
    auto connection = std::make_shared<TcpConnection>(std::move(fd), context, options, buffer);
    connection->wait_for_bytes();
    return connection;
  };
  return std::make_unique<PeerSource>(std::move(params.sender), parts, PeerProtocol{.connect = connect});
}

}  // namespace

SourceKind tcp_kind() {
  return {.scheme = "tcp",
          .form = "tcp://HOST:PORT",
          .check = [](const core::SourceSpec& spec, const SourceUri& uri) { parse_tcp_params(spec, uri); },
          .make = make};
}

}  // namespace melstream::audio
