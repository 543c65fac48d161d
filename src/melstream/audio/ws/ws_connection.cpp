#include "melstream/audio/ws/ws_connection.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <string.h>  // explicit_bzero

#include "melstream/audio/net_loop.hpp"
#include "melstream/audio/ws/ws_session.hpp"

namespace melstream::audio {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using Error = boost::system::error_code;
using WebSocket = websocket::stream<asio::ip::tcp::socket, /*deflateSupported=*/false>;

constexpr std::size_t kReadBytes = std::size_t{16} << 10;
constexpr std::int64_t kHandshakeNs = 5 * core::kNsPerSecond;
constexpr std::int64_t kPingNs = 20 * core::kNsPerSecond;
constexpr std::int64_t kVanishedNs = 40 * core::kNsPerSecond;
constexpr std::chrono::seconds kGoodbye{2};

template <typename Code>
bool is_of(const Error& error) noexcept {
  return error.category() == make_error_code(Code{}).category();
}

std::string_view view_of(beast::string_view text) noexcept { return {text.data(), text.size()}; }

/// Of a header that must be there once: another number of them matches nothing.
std::optional<std::string_view> header_of(const http::request<http::empty_body>& request, http::field name) {
  const auto n = request.count(name);
  if (n == 0) return std::nullopt;
  return n == 1 ? view_of(request[name]) : std::string_view{};
}

class WsConnection final : public PeerConnection, public std::enable_shared_from_this<WsConnection> {
 public:
  WsConnection(OwnedFd fd, const PeerContext& context, const WsOptions& options)
      : context_(context),
        options_(options),
        begun_ns_(context.parts.clock.mono_ns()),
        heard_ns_(begun_ns_),
        local_(local_address(fd.get())),
        io_(context.parts.net.context()),
        goodbye_(io_),
        ws_(asio::ip::tcp::socket(io_)) {
    socket().assign(context.peer.is_v4() ? asio::ip::tcp::v4() : asio::ip::tcp::v6(), fd.get());
    fd.release();
    request_.header_limit(kMaxWsHeaderBytes);
    ws_->read_message_max(kMaxWsMessageBytes);
    ws_->set_option(websocket::stream_base::decorator(
        [](websocket::response_type& response) { response.set(http::field::server, "melstream"); }));
  }
  ~WsConnection() override { explicit_bzero(buffer_.data(), buffer_.size()); }

  void read_request();
  void tick(std::int64_t now_ns) override;
  void end(core::EndReason reason) override;
  bool is_gone() const noexcept override { return !is_open(); }
  const PcmSession* session() const noexcept override { return session_ ? session_->stream() : nullptr; }

 private:
  /// The context and the options are used no more.
  bool has_ended() const noexcept { return session_ ? session_->is_over() : refused_; }
  asio::ip::tcp::socket& socket() noexcept { return ws_->next_layer(); }
  bool is_open() const noexcept { return ws_ && ws_->next_layer().is_open(); }
  std::int64_t now_ns() const noexcept { return context_.parts.clock.mono_ns(); }

  void on_request(const Error& error);
  std::optional<WsRefusal> refusal() const;
  void answer(const WsRefusal& refusal);
  void accept();
  void read();
  void on_read(const Error& error, std::size_t n);
  void on_control(websocket::frame_type type);
  void ping(std::int64_t now_ns);
  void go_on();
  void hang_up_soon();
  void say_no_more();
  void drain();
  void hang_up();

  const PeerContext context_;  // used until has_ended()
  const WsOptions& options_;   // the same
  const std::int64_t begun_ns_;
  std::int64_t heard_ns_;
  std::int64_t pinged_ns_ = 0;
  const NetAddress local_;
  asio::io_context& io_;
  asio::steady_timer goodbye_;
  std::optional<WebSocket> ws_;  // until hang_up()
  beast::flat_buffer head_{kMaxWsHeaderBytes + 1};
  http::request_parser<http::empty_body> request_;
  http::response<http::string_body> response_;  // of a refusal
  std::optional<WsSession> session_;            // once the WebSocket is open
  std::array<char, kReadBytes> buffer_{};
  std::string sending_;
  bool refused_ = false;  // there will be no session
  bool pinging_ = false;
  bool closing_ = false;  // our close frame is under way, or has been
  bool leaving_ = false;  // goodbye_ runs
};

void WsConnection::read_request() {
  http::async_read_header(socket(), head_, request_,
                          [self = shared_from_this()](const Error& error, std::size_t) { self->on_request(error); });
}

void WsConnection::on_request(const Error& error) {
  if (refused_) return hang_up();
  if (error &&
      (!is_of<http::error>(error) || error == http::error::end_of_stream || error == http::error::partial_message)) {
    refused_ = true;  // it left; some only look whether the port is open
    return hang_up();
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return answer({431, "the header has over " + std::to_string(kMaxWsHeaderBytes) + " bytes"});
  }
  if (error) return answer({400, "no HTTP: " + error.message() + "; this port takes audio by WebSocket"});
  if (const auto why = refusal()) return answer(*why);
  accept();
}

std::optional<WsRefusal> WsConnection::refusal() const {
  const auto& request = request_.get();
  const std::string local_host = local_.host_text();
  auto refusal = options_.admission.refuse({.target = view_of(request.target()),
                                            .host = header_of(request, http::field::host),
                                            .origin = header_of(request, http::field::origin),
                                            .local_host = local_host,
                                            .local_port = local_.port()});
  if (refusal) return refusal;
  if (!websocket::is_upgrade(request)) return WsRefusal{426, "this port takes audio by WebSocket alone"};
  if (head_.size() > 0) return WsRefusal{400, "frames before the answer to the handshake"};
  return std::nullopt;
}

void WsConnection::answer(const WsRefusal& refusal) {
  refused_ = true;
  context_.refuse(refusal.reason);
  response_.result(static_cast<unsigned>(refusal.status));
  response_.set(http::field::server, "melstream");
  response_.set(http::field::content_type, "text/plain; charset=utf-8");
  response_.set(http::field::connection, "close");
  if (refusal.status == 426) response_.set(http::field::upgrade, "websocket");
  response_.body() = refusal.reason + "\n";
  response_.prepare_payload();
  http::async_write(socket(), response_, [self = shared_from_this()](const Error& error, std::size_t) {
    if (error) return self->hang_up();
    self->say_no_more();
  });
  hang_up_soon();
}

void WsConnection::accept() {
  ws_->async_accept(request_.get(), [self = shared_from_this()](const Error& error) {
    if (self->refused_) return self->hang_up();
    if (error) {  // Beast has answered
      self->refused_ = true;
      self->context_.refuse("handshake: " + error.message());
      self->hang_up_soon();
      return self->say_no_more();
    }
    self->heard_ns_ = self->now_ns();
    // The callback and the session live in *self.
    self->ws_->control_callback(
        [connection = self.get()](websocket::frame_type type, beast::string_view) { connection->on_control(type); });
    self->ws_->text(true);
    self->session_.emplace(self->context_, self->options_.format, self->heard_ns_, [connection = self.get()] {
      connection->session_->take_over();
      connection->go_on();
    });
    self->read();
  });
}

void WsConnection::read() {
  ws_->async_read_some(asio::buffer(buffer_),
                       [self = shared_from_this()](const Error& error, std::size_t n) { self->on_read(error, n); });
}

void WsConnection::on_read(const Error& error, std::size_t n) {
  if (error) {
    const bool fault = is_of<websocket::error>(error) && error != websocket::error::closed;
    session_->peer_left(fault ? "WebSocket: " + error.message() : "");
    return hang_up();
  }
  if (!session_->is_over()) {
    heard_ns_ = now_ns();
    const bool last = ws_->is_message_done();
    if (ws_->got_text()) {
      session_->receive_text({buffer_.data(), n}, last, heard_ns_);
    } else {
      session_->receive_audio(std::as_bytes(std::span(buffer_)).first(n), last, heard_ns_);
    }
    go_on();
  }
  // A close reads by itself: with a read beside it, Beast 1.74 may let each wait for the other.
  if (!session_->is_over()) read();
}

/// Inside of a read. What follows a close frame may take long, so the stream ends here.
void WsConnection::on_control(websocket::frame_type type) {
  if (session_->is_over()) return;
  heard_ns_ = now_ns();
  if (type != websocket::frame_type::close) return;
  const std::uint16_t code = ws_->reason().code;
  session_->peer_closed(code == websocket::close_code::none ? static_cast<std::uint16_t>(WsCode::kNone) : code);
  hang_up_soon();
}

void WsConnection::tick(std::int64_t now_ns) {
  if (has_ended()) return;
  if (!session_) {
    if (now_ns - begun_ns_ < kHandshakeNs) return;
    context_.refuse("no WebSocket within 5 s");
    refused_ = true;
    return hang_up();
  }
  session_->tick(now_ns);
  if (!session_->is_over() && now_ns - heard_ns_ >= kVanishedNs) {
    session_->peer_left("nothing heard for 40 s, not even an answer to a ping");
    return hang_up();
  }
  if (!session_->is_over()) ping(now_ns);
  go_on();
}

void WsConnection::ping(std::int64_t now_ns) {
  if (pinging_ || now_ns - std::max(heard_ns_, pinged_ns_) < kPingNs) return;
  pinging_ = true;
  pinged_ns_ = now_ns;
  ws_->async_ping({}, [self = shared_from_this()](const Error&) { self->pinging_ = false; });
}

void WsConnection::end(core::EndReason reason) {
  if (has_ended()) return;
  if (session_) {
    session_->end(reason);
    return go_on();
  }
  refused_ = true;
  hang_up();
}

void WsConnection::go_on() {
  if (!is_open()) return;
  if (session_->is_over()) hang_up_soon();
  if (!sending_.empty() || closing_) return;
  sending_ = session_->next_output();
  if (!sending_.empty()) {
    ws_->async_write(asio::buffer(sending_), [self = shared_from_this()](const Error&, std::size_t) {
      self->sending_.clear();
      self->go_on();
    });
  } else if (session_->close()) {
    closing_ = true;
    const WsClose& close = *session_->close();
    ws_->async_close({static_cast<websocket::close_code>(close.code), close.reason},
                     [self = shared_from_this()](const Error&) { self->hang_up(); });
  }
}

/// What was sent arrives only if the peer's bytes are read until it closes too; not for ever.
void WsConnection::hang_up_soon() {
  if (std::exchange(leaving_, true)) return;
  goodbye_.expires_after(kGoodbye);
  goodbye_.async_wait([self = shared_from_this()](const Error& error) {
    if (!error) self->hang_up();
  });
}

void WsConnection::say_no_more() {
  Error ignored;
  socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  drain();
}

void WsConnection::drain() {
  socket().async_read_some(asio::buffer(buffer_), [self = shared_from_this()](const Error& error, std::size_t) {
    if (error) return self->hang_up();
    self->drain();
  });
}

/// Operations of Beast that wait for each other hold this connection: without the WebSocket they are gone.
void WsConnection::hang_up() {
  goodbye_.cancel();
  if (!ws_) return;
  Error ignored;
  socket().close(ignored);
  asio::post(io_, [self = shared_from_this()] { self->ws_.reset(); });
}

}  // namespace

std::shared_ptr<PeerConnection> start_ws_connection(OwnedFd fd, const PeerContext& context, const WsOptions& options) {
  auto connection = std::make_shared<WsConnection>(std::move(fd), context, options);
  connection->read_request();
  return connection;
}

}  // namespace melstream::audio
