#include "daemon/page/page_sockets.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <span>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <string.h>  // explicit_bzero

#include "melstream/core/error.hpp"
#include "melstream/core/units.hpp"

#include "daemon/page/page_protocol.hpp"

namespace melstream::page {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using Error = boost::system::error_code;
using WebSocket = websocket::stream<asio::ip::tcp::socket, /*deflateSupported=*/false>;

constexpr std::int64_t kHandshakeNs = 5 * core::kNsPerSecond;
constexpr std::int64_t kWriteNs = 5 * core::kNsPerSecond;
constexpr std::int64_t kGoodbyeNs = 1 * core::kNsPerSecond;
constexpr std::int64_t kPingNs = 15 * core::kNsPerSecond;
constexpr std::int64_t kVanishedNs = 40 * core::kNsPerSecond;
constexpr std::size_t kMaxReasonBytes = 120;  // a control frame's 125 without the code

/// A message to the page that says what is wrong; what a page sends is in no error's text but for names.
std::string error_text(std::string_view why) {
  std::string text = R"({"error":")";
  for (const char c : why) {
    if (c == '"' || c == '\\') text += '\\';
    text += c < ' ' || c > '~' ? '?' : c;
  }
  return text + "\"}";
}

class Socket final : public PageSocket, public std::enable_shared_from_this<Socket> {
 public:
  Socket(asio::ip::tcp::socket socket, std::unique_ptr<PageChannel> channel, const PageSocketParts& parts)
      : parts_(parts), channel_(std::move(channel)), begun_ns_(now_ns()), heard_ns_(begun_ns_), pinged_ns_(begun_ns_) {
    ws_.emplace(std::move(socket));
    ws_->read_message_max(kMaxMessageBytes);
  }
  ~Socket() override { wipe(); }

  void accept(const PageHttpRequest& request) {
    ws_->async_accept(request, [self = shared_from_this()](const Error& error) {
      if (error) return self->hang_up();
      self->is_open_ = true;
      self->ws_->control_callback([socket = self.get()](websocket::frame_type /*type*/, beast::string_view /*text*/) {
        socket->heard_ns_ = socket->now_ns();
      });
      self->read();
      self->poll(self->now_ns());
    });
  }
  void poll(std::int64_t now_ns) override;
  void leave() override { close(websocket::close_code::going_away, "the daemon is shutting down"); }

 private:
  std::int64_t now_ns() const noexcept { return parts_.clock.mono_ns(); }
  void read();
  void take_message();
  void write();
  void ping(std::int64_t now_ns);
  void fail(const std::exception& error);
  void close(websocket::close_code code, std::string_view reason);
  void finish_close();
  void cut_off(const std::string& why);
  void hang_up();
  void wipe() {
    if (incoming_.size() > 0) explicit_bzero(incoming_.data().data(), incoming_.size());
  }

  const PageSocketParts& parts_;
  const std::unique_ptr<PageChannel> channel_;
  std::optional<WebSocket> ws_;  // until hang_up()
  beast::flat_buffer incoming_{kMaxMessageBytes};
  PageMessage outgoing_;
  std::string last_words_;  // before the close
  const std::int64_t begun_ns_;
  std::int64_t heard_ns_;
  std::int64_t pinged_ns_;
  std::optional<std::int64_t> writing_since_ns_;
  std::optional<websocket::close_reason> closing_;  // nothing more is said but this
  std::int64_t hang_up_at_ns_ = 0;                  // once closing_
  bool is_open_ = false;
  bool pinging_ = false;
  bool close_sent_ = false;
  bool completed_ = false;
  bool gone_ = false;
};

void Socket::read() {
  ws_->async_read(incoming_, [self = shared_from_this()](const Error& error, std::size_t /*n*/) {
    if (error) {
      const auto code = self->ws_ ? self->ws_->reason().code : 0;
      self->completed_ = error == websocket::error::closed && code == websocket::close_code::normal;
      if (error.category() == make_error_code(websocket::error::closed).category() &&
          error != websocket::error::closed) {
        self->parts_.tell("page_refused", "WebSocket: " + error.message());
      }
      return self->hang_up();
    }
    self->heard_ns_ = self->now_ns();
    self->take_message();
    if (!self->closing_ && !self->gone_) self->read();
  });
}

void Socket::take_message() {
  const auto data = incoming_.data();
  const std::span<const char> bytes(static_cast<const char*>(data.data()), data.size());
  try {
    if (ws_->got_text()) {
      channel_->on_text({bytes.data(), bytes.size()}, heard_ns_);
    } else {
      channel_->on_binary(std::as_bytes(bytes), heard_ns_);
    }
  } catch (const std::exception& error) {
    fail(error);
  }
  wipe();
  incoming_.consume(incoming_.size());
  poll(heard_ns_);
}

void Socket::poll(std::int64_t now_ns) {
  if (gone_) return;
  if (!is_open_) {
    if (now_ns - begun_ns_ >= kHandshakeNs) hang_up();
    return;
  }
  if (closing_) {
    if (now_ns >= hang_up_at_ns_) hang_up();
    return;
  }
  if (writing_since_ns_ && now_ns - *writing_since_ns_ >= kWriteNs) return cut_off("it took nothing for 5 s");
  if (now_ns - heard_ns_ >= kVanishedNs) return cut_off("nothing heard for 40 s, not even an answer to a ping");
  ping(now_ns);
  if (writing_since_ns_) return;
  try {
    if (channel_->next(outgoing_, now_ns)) write();
  } catch (const std::exception& error) {
    fail(error);
  }
}

void Socket::write() {
  writing_since_ns_ = now_ns();
  ws_->text(outgoing_.is_text);
  ws_->async_write(asio::buffer(outgoing_.bytes), [self = shared_from_this()](const Error& error, std::size_t /*n*/) {
    self->writing_since_ns_.reset();
    if (error || self->gone_) return self->hang_up();
    if (self->closing_) return self->finish_close();
    self->poll(self->now_ns());
  });
}

void Socket::ping(std::int64_t now_ns) {
  if (pinging_ || now_ns - std::max(heard_ns_, pinged_ns_) < kPingNs) return;
  pinging_ = true;
  pinged_ns_ = now_ns;
  ws_->async_ping({}, [self = shared_from_this()](const Error& /*error*/) { self->pinging_ = false; });
}

/// What is wrong is told as a text, which has room for it, and then the WebSocket is closed.
void Socket::fail(const std::exception& error) {
  if (closing_ || gone_) return;
  parts_.tell("page_refused", error.what());
  last_words_ = error_text(error.what());
  close(websocket::close_code::policy_error, error.what());
}

void Socket::close(websocket::close_code code, std::string_view reason) {
  if (closing_ || gone_) return;
  closing_.emplace(code, beast::string_view(reason.data(), std::min(reason.size(), kMaxReasonBytes)));
  hang_up_at_ns_ = now_ns() + kGoodbyeNs;
  if (!is_open_) return hang_up();
  if (!writing_since_ns_) finish_close();
}

/// Beast reads until the peer's close frame; poll() sees to it that this does not last.
void Socket::finish_close() {
  if (!last_words_.empty()) {
    outgoing_ = {.bytes = std::exchange(last_words_, {}), .is_text = true};
    return write();
  }
  if (std::exchange(close_sent_, true)) return;
  ws_->async_close(*closing_, [self = shared_from_this()](const Error& /*error*/) { self->hang_up(); });
}

void Socket::cut_off(const std::string& why) {
  parts_.tell("page_cut_off", why);
  hang_up();
}

/// Operations of Beast that wait for each other hold this connection: without the WebSocket they are gone.
void Socket::hang_up() {
  if (std::exchange(gone_, true)) return;
  channel_->on_closed(completed_, now_ns());
  if (!ws_) return;
  Error ignored;
  ws_->next_layer().close(ignored);
  asio::post(ws_->get_executor(), [self = shared_from_this()] { self->ws_.reset(); });
}

}  // namespace

std::shared_ptr<PageSocket> start_page_socket(asio::ip::tcp::socket socket, const PageHttpRequest& request,
                                              std::unique_ptr<PageChannel> channel, const PageSocketParts& parts) {
  auto started = std::make_shared<Socket>(std::move(socket), std::move(channel), parts);
  started->accept(request);
  return started;
}

}  // namespace melstream::page
