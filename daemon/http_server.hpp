// A small HTTP server for what operators' tools read: GET and HEAD of a few texts. Boost.Beast on a thread of its own,
// "ms-http", so that it answers whatever else hangs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace melstream::daemon {

struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

/// At most 16 connections, more are closed at once; 2 s for each, one request each; headers up to 4 KiB.
class HttpServer {
 public:
  /// What a path is answered with; status 404 for what is not there. Thread: ms-http.
  using Handler = std::function<HttpResponse(std::string_view path)>;

  /// @param address "HOST:PORT", port 0 takes any. Throws rpc::BindError that names metrics.listen.
  HttpServer(const std::string& address, Handler handler);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  /// With the real port.
  const std::string& address() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace melstream::daemon
