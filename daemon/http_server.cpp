// The only file of this folder that includes Beast.
#include "daemon/http_server.hpp"

#include <chrono>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include <pthread.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "melstream/rpc/server.hpp"

#include "daemon/listen_address.hpp"

namespace melstream::daemon {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Tcp = asio::ip::tcp;
using Error = boost::system::error_code;

constexpr std::chrono::seconds kTimeout{2};
constexpr std::chrono::milliseconds kAfterAcceptError{100};
constexpr std::uint32_t kMaxHeaderBytes = 4096;
constexpr int kMaxConnections = 16;

Tcp::endpoint resolve(asio::io_context& context, const std::string& address) {
  const ListenAddress parsed = parse_listen_address(address);
  Error error;
  const auto found = Tcp::resolver(context).resolve(parsed.host, std::to_string(parsed.port),
                                                    Tcp::resolver::passive | Tcp::resolver::numeric_service, error);
  if (error || found.empty()) {
    throw rpc::BindError("metrics.listen = \"" + address + "\": " + error.message() + "; \"\" is for none", false);
  }
  return *found.begin();
}

Tcp::acceptor listen(asio::io_context& context, const std::string& address) {
  const Tcp::endpoint endpoint = resolve(context, address);
  Tcp::acceptor acceptor(context);
  Error error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kMaxConnections, error);
  if (!error) acceptor.non_blocking(true, error);
  if (error) {
    throw rpc::BindError("cannot listen on metrics.listen = \"" + address + "\": " + error.message() +
                             "; choose another port (0 takes any), or \"\" for no metrics",
                         error == asio::error::access_denied);
  }
  return acceptor;
}

std::string text_of(const Tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

/// One connection: read, answer, close. Lives as long as a step of it is under way.
class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Tcp::socket socket, const HttpServer::Handler& handler, int& n_open)
      : stream_(std::move(socket)), handler_(handler), n_open_(n_open) {
    ++n_open_;
    parser_.header_limit(kMaxHeaderBytes);
    parser_.body_limit(0);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { --n_open_; }

  void run() {
    stream_.expires_after(kTimeout);  // for all of it
    http::async_read(stream_, buffer_, parser_,
                     [self = shared_from_this()](const Error& error, std::size_t) { self->answer(error); });
  }

 private:
  void answer(const Error& error) {
    if (!error) return respond(handle(parser_.get()));
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      return respond({.status = 431, .body = "the header has more than 4096 bytes\n"});
    }
    if (error == http::error::body_limit) return respond({.status = 405, .body = "only GET and HEAD\n"});
    // Beast's own errors are those of a request that is none; all others mean that the peer is gone or too slow.
    if (error.category() == http::make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message) {
      respond({.status = 400, .body = "this is no HTTP request\n"});
    }
  }
  HttpResponse handle(const http::request<http::empty_body>& request) {
    is_head_ = request.method() == http::verb::head;
    if (!is_head_ && request.method() != http::verb::get) return {.status = 405, .body = "only GET and HEAD\n"};
    const std::string_view target(request.target().data(), request.target().size());
    try {
      return handler_(target.substr(0, target.find('?')));
    } catch (const std::exception& error) {  // out of memory, most likely: the next scrape may do
      return {.status = 500, .body = std::string(error.what()) + "\n"};
    }
  }
  void respond(HttpResponse response) {
    response_.result(response.status);
    response_.set(http::field::content_type, response.content_type);
    response_.set(http::field::cache_control, "no-store");
    if (response.status == 405) response_.set(http::field::allow, "GET, HEAD");
    response_.keep_alive(false);
    response_.content_length(response.body.size());
    if (!is_head_) response_.body() = std::move(response.body);
    http::async_write(stream_, response_, [self = shared_from_this()](const Error& error, std::size_t) {
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
                            [self = shared_from_this()](const Error& error, std::size_t) {
                              if (!error) self->drain();
                            });
  }

  beast::tcp_stream stream_;
  const HttpServer::Handler& handler_;
  int& n_open_;
  beast::flat_buffer buffer_{std::size_t{2} * kMaxHeaderBytes};
  http::request_parser<http::empty_body> parser_;
  http::response<http::string_body> response_;
  bool is_head_ = false;
};

}  // namespace

struct HttpServer::State {
  State(const std::string& wanted, Handler the_handler)
      : handler(std::move(the_handler)),
        acceptor(listen(context, wanted)),
        pause(context),
        address(text_of(acceptor.local_endpoint())) {}

  void accept() {
    acceptor.async_accept([this](const Error& error, Tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (error) return accept_later();
      if (n_open < kMaxConnections) std::make_shared<Connection>(std::move(socket), handler, n_open)->run();
      accept();
    });
  }
  /// Out of descriptors: the connection stays in the kernel's queue.
  void accept_later() {
    pause.expires_after(kAfterAcceptError);
    pause.async_wait([this](const Error& error) {
      if (!error) accept();
    });
  }

  const Handler handler;
  int n_open = 0;  // ms-http; outlives the connections, which the context holds
  asio::io_context context{1};
  Tcp::acceptor acceptor;
  asio::steady_timer pause;
  const std::string address;
  std::thread thread;  // last: it uses all above
};

HttpServer::HttpServer(const std::string& address, Handler handler)
    : state_(std::make_unique<State>(address, std::move(handler))) {
  state_->accept();
  state_->thread = std::thread([state = state_.get()] {
    pthread_setname_np(pthread_self(), "ms-http");
    state->context.run();
  });
}

HttpServer::~HttpServer() {
  state_->context.stop();
  state_->thread.join();
}

const std::string& HttpServer::address() const noexcept { return state_->address; }

}  // namespace melstream::daemon
