// Accepting, HTTP, and the clock that makes the WebSockets look for news.
#include "daemon/page/live_page.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include "melstream/rpc/server.hpp"

#include "daemon/page/browser_microphones.hpp"
#include "daemon/page/feature_channel.hpp"
#include "daemon/page/page_admission.hpp"
#include "daemon/page/page_answers.hpp"
#include "daemon/page/page_sockets.hpp"
#include "daemon/page/stream_list.hpp"

namespace melstream::page {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Tcp = asio::ip::tcp;
using Error = boost::system::error_code;

constexpr std::chrono::seconds kRequestTimeout{5};
constexpr std::chrono::milliseconds kAfterAcceptError{100};
/// Two frames of a screen come to one message; a row waits 10 ms on average.
constexpr std::chrono::milliseconds kPollPeriod{20};
constexpr std::uint32_t kMaxHeaderBytes = 8192;
constexpr int kMaxConnections = 32;
constexpr std::size_t kMaxSockets = 16;
/// So that a page that takes nothing is noticed, not fed for minutes.
constexpr int kSendBufferBytes = 64 << 10;

Tcp::endpoint resolve(asio::io_context& context, const LivePageOptions& options) {
  Error error;
  const auto found = Tcp::resolver(context).resolve(options.host, std::to_string(options.port),
                                                    Tcp::resolver::passive | Tcp::resolver::numeric_service, error);
  if (error || found.empty()) {
    throw rpc::BindError("page.listen: " + options.host + ": " + error.message() + "; \"\" is for no page", false);
  }
  return *found.begin();
}

Tcp::acceptor listen(asio::io_context& context, const LivePageOptions& options) {
  constexpr std::chrono::milliseconds kAgain{10};
  const Tcp::endpoint endpoint = resolve(context, options);
  const auto deadline = std::chrono::steady_clock::now() + options.take_over_patience;
  while (true) {
    Tcp::acceptor acceptor(context);
    Error error;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(kMaxConnections, error);
    if (!error) acceptor.non_blocking(true, error);
    if (!error) return acceptor;
    const bool forbidden = error == asio::error::access_denied;
    if (forbidden || std::chrono::steady_clock::now() >= deadline) {
      throw rpc::BindError("cannot listen on page.listen, port " + std::to_string(options.port) + ": " +
                               error.message() + "; choose another port (0 takes any), or \"\" for no page",
                           forbidden);
    }
    std::this_thread::sleep_for(kAgain);
  }
}

std::string text_of(const Tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

std::string_view view_of(beast::string_view text) noexcept { return {text.data(), text.size()}; }

/// Of a header that must be there once: another number of them matches nothing.
std::optional<std::string_view> header_of(const PageHttpRequest& request, http::field name) {
  const auto n = request.count(name);
  if (n == 0) return std::nullopt;
  return n == 1 ? view_of(request[name]) : std::string_view{};
}

/// What all connections share.
struct Site {
  Site(LivePageOptions the_options, LivePageParts the_parts)
      : options(std::move(the_options)),
        parts(std::move(the_parts)),
        may_publish(options.may_publish),
        socket_parts{parts.clock, parts.tell},
        admission(options.host, make_page_token()),
        streams(parts.registry),
        microphones(parts.open_stream),
        acceptor(listen(context, options)),
        pause(context),
        clock(context),
        url("http://" + text_of(acceptor.local_endpoint()) + "/") {}

  void accept();
  void accept_later();
  void poll_later();
  void poll();
  std::unique_ptr<PageChannel> make_channel(std::string_view path, const Tcp::socket& socket);
  void open_socket(Tcp::socket socket, const PageHttpRequest& request);
  std::optional<PageRefusal> refusal(const PageHttpRequest& request, const Tcp::endpoint& local);
  void end(core::EndReason reason);

  // What connections stand on is above the context, which holds them.
  const LivePageOptions options;
  const LivePageParts parts;
  std::atomic<bool> may_publish;  // writer: control threads; reader: ms-page
  const PageSocketParts socket_parts;
  const PageAdmission admission;
  StreamList streams;
  BrowserMicrophones microphones;
  FeatureChannel::All channels;
  int n_connections = 0;
  bool polling = false;
  std::vector<std::weak_ptr<PageSocket>> sockets;
  asio::io_context context{1};
  Tcp::acceptor acceptor;
  asio::steady_timer pause;
  asio::steady_timer clock;
  const std::string url;
  std::thread thread;  // last: it uses all above
};

/// One HTTP request: a file, a refusal, or the beginning of a WebSocket. Lives as long as a step of it is under way.
class HttpConnection final : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(Tcp::socket socket, Site& site) : site_(site), stream_(std::move(socket)) {
    ++site_.n_connections;
    parser_.header_limit(kMaxHeaderBytes);
    parser_.body_limit(0);
  }
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;
  ~HttpConnection() { --site_.n_connections; }

  void run() {
    stream_.expires_after(kRequestTimeout);  // for all of it
    http::async_read(stream_, buffer_, parser_,
                     [self = shared_from_this()](const Error& error, std::size_t /*n*/) { self->on_request(error); });
  }

 private:
  void on_request(const Error& error) {
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      return respond(answer_refusal({431, "the header has more than 8192 bytes"}));
    }
    if (error == http::error::body_limit) return respond(answer_refusal({405, "only GET and HEAD"}));
    if (error) {
      const bool is_none = error.category() == http::make_error_code(http::error::bad_method).category();
      // All others mean that the peer is gone or too slow.
      if (is_none && error != http::error::end_of_stream && error != http::error::partial_message) {
        respond(answer_refusal({400, "this is no HTTP request"}));
      }
      return;
    }
    Error gone;
    const Tcp::endpoint local = stream_.socket().local_endpoint(gone);
    if (gone) return;
    const PageHttpRequest& request = parser_.get();
    if (const auto refusal = site_.refusal(request, local)) {
      site_.parts.tell("page_refused", refusal->reason);
      return respond(answer_refusal(*refusal));
    }
    if (beast::websocket::is_upgrade(request) && buffer_.size() > 0) {
      return respond(answer_refusal({400, "frames before the answer to the handshake"}));
    }
    if (beast::websocket::is_upgrade(request)) return site_.open_socket(stream_.release_socket(), request);
    respond(
        answer_file(path_of(view_of(request.target())), view_of(request[http::field::host]), site_.admission.token()));
  }

  void respond(PageHttpResponse response) {
    response_ = std::move(response);
    if (parser_.is_header_done() && parser_.get().method() == http::verb::head) response_.body().clear();
    http::async_write(stream_, response_, [self = shared_from_this()](const Error& error, std::size_t /*n*/) {
      if (error) return;
      Error ignored;
      self->stream_.socket().shutdown(Tcp::socket::shutdown_send, ignored);
      self->drain();
    });
  }
  /// Closing a socket with unread bytes resets the connection, and the peer may lose the answer.
  void drain() {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(kMaxHeaderBytes),
                            [self = shared_from_this()](const Error& error, std::size_t /*n*/) {
                              if (!error) self->drain();
                            });
  }

  Site& site_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{std::size_t{2} * kMaxHeaderBytes};
  http::request_parser<http::empty_body> parser_;
  PageHttpResponse response_;
};

void Site::accept() {
  acceptor.async_accept([this](const Error& error, Tcp::socket socket) {
    if (error == asio::error::operation_aborted || !acceptor.is_open()) return;
    if (error) return accept_later();
    Error ignored;
    socket.set_option(Tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::send_buffer_size(kSendBufferBytes), ignored);
    if (n_connections + static_cast<int>(sockets.size()) < kMaxConnections) {
      std::make_shared<HttpConnection>(std::move(socket), *this)->run();
    } else {
      parts.tell("page_refused", "32 connections are open");
    }
    accept();
  });
}

/// Out of descriptors: the connection stays in the kernel's queue.
void Site::accept_later() {
  pause.expires_after(kAfterAcceptError);
  pause.async_wait([this](const Error& error) {
    if (!error) accept();
  });
}

std::optional<PageRefusal> Site::refusal(const PageHttpRequest& request, const Tcp::endpoint& local) {
  const std::string local_host = local.address().to_string();
  const bool is_websocket = beast::websocket::is_upgrade(request);
  auto refused =
      admission.refuse({.target = view_of(request.target()),
                        .host = header_of(request, http::field::host),
                        .origin = header_of(request, http::field::origin),
                        .local_host = local_host,
                        .local_port = local.port(),
                        .is_get = request.method() == http::verb::get || request.method() == http::verb::head,
                        .is_websocket = is_websocket});
  if (refused || !is_websocket) return refused;
  if (sockets.size() >= kMaxSockets) return PageRefusal{503, "16 WebSockets are open: close other windows"};
  if (path_of(view_of(request.target())) == kMicrophonePath && !may_publish.load(std::memory_order_relaxed)) {
    return PageRefusal{403, "auth.anonymous_roles does not have \"publisher\""};
  }
  return std::nullopt;
}

std::unique_ptr<PageChannel> Site::make_channel(std::string_view path, const Tcp::socket& socket) {
  if (path == kMicrophonePath) return std::make_unique<MicrophoneChannel>(microphones, parts.clock.mono_ns());
  Error ignored;
  const Tcp::endpoint peer = socket.remote_endpoint(ignored);
  return std::make_unique<FeatureChannel>(
      parts.registry, streams,
      hello_text(parts.registry.catalog(), options.version, may_publish.load(std::memory_order_relaxed)), channels,
      "page:" + text_of(peer));
}

void Site::open_socket(Tcp::socket socket, const PageHttpRequest& request) {
  auto channel = make_channel(path_of(view_of(request.target())), socket);
  sockets.push_back(start_page_socket(std::move(socket), request, std::move(channel), socket_parts));
  if (!std::exchange(polling, true)) poll_later();
}

void Site::poll_later() {
  clock.expires_after(kPollPeriod);
  clock.async_wait([this](const Error& error) {
    if (!error) poll();
  });
}

/// Until nobody is there.
void Site::poll() {
  const std::int64_t now_ns = parts.clock.mono_ns();
  for (const auto& weak : sockets) {
    if (const auto socket = weak.lock()) socket->poll(now_ns);
  }
  sockets.erase(std::remove_if(sockets.begin(), sockets.end(), [](const auto& weak) { return weak.expired(); }),
                sockets.end());
  microphones.tick(now_ns);
  polling = !sockets.empty() || !microphones.empty();
  if (polling) poll_later();
}

void Site::end(core::EndReason reason) {
  Error ignored;
  acceptor.close(ignored);
  pause.cancel();
  microphones.end_all(reason);
  for (const auto& weak : sockets) {
    if (const auto socket = weak.lock()) socket->leave();
  }
}

}  // namespace

struct LivePage::State final : Site {
  using Site::Site;
};

LivePage::LivePage(LivePageOptions options, LivePageParts parts)
    : state_(std::make_unique<State>(std::move(options), std::move(parts))) {
  state_->accept();
  state_->thread = std::thread([state = state_.get()] {
    pthread_setname_np(pthread_self(), "ms-page");
    const auto work = asio::make_work_guard(state->context);
    state->context.run();
  });
}

LivePage::~LivePage() {
  state_->context.stop();
  state_->thread.join();
}

const std::string& LivePage::url() const noexcept { return state_->url; }

void LivePage::set_may_publish(bool may_publish) noexcept {
  state_->may_publish.store(may_publish, std::memory_order_relaxed);
}

std::vector<PageReader> LivePage::readers() const {
  std::promise<std::vector<PageReader>> answer;
  asio::post(state_->context, [state = state_.get(), &answer] {
    std::vector<PageReader> readers;
    for (const FeatureChannel* channel : state->channels) channel->append_readers(readers);
    answer.set_value(std::move(readers));
  });
  return answer.get_future().get();
}

void LivePage::end(core::EndReason reason) {
  std::promise<void> done;
  asio::post(state_->context, [this, reason, &done] {
    state_->end(reason);
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace melstream::page
