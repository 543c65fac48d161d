// The HTTP server as raw bytes on a socket: what is answered, limits, requests that are none.
#include "daemon/http_server.hpp"

#include <array>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "melstream/rpc/server.hpp"

namespace melstream::daemon {
namespace {

HttpResponse answer(std::string_view path) {
  if (path == "/a") return {.status = 200, .content_type = "text/plain", .body = "body\n"};
  if (path == "/b") return {.status = 503, .body = "no\n"};
  return {.status = 404, .body = "none\n"};
}

class HttpServerTest : public testing::Test {
 protected:
  int connect() const {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(server_.address().substr(10))));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  /// All that comes until the end; 30 s at most without anything.
  static std::string read_all(int fd) {
    std::string text;
    std::array<char, 4096> buffer{};
    pollfd readable{fd, POLLIN, 0};
    while (poll(&readable, 1, 30'000) > 0) {
      const ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
      if (n <= 0) break;
      text.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return text;
  }
  std::string request(const std::string& bytes) const {
    const int fd = connect();
    EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
    std::string text = read_all(fd);
    close(fd);
    return text;
  }
  static std::string status_of(const std::string& response) { return response.substr(0, response.find('\r')); }

  HttpServer server_{"127.0.0.1:0", answer};
};

TEST_F(HttpServerTest, GetAnswersWithTheBodyAndCloses) {
  const std::string response = request("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(response), "HTTP/1.1 200 OK");
  EXPECT_NE(response.find("Content-Length: 5\r\n"), std::string::npos) << response;
  EXPECT_NE(response.find("Connection: close\r\n"), std::string::npos) << response;
  EXPECT_EQ(response.substr(response.find("\r\n\r\n") + 4), "body\n");
}

TEST_F(HttpServerTest, HeadAnswersWithoutTheBodyButItsLength) {
  const std::string response = request("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(response), "HTTP/1.1 200 OK");
  EXPECT_NE(response.find("Content-Length: 5\r\n"), std::string::npos) << response;
  EXPECT_EQ(response.substr(response.find("\r\n\r\n") + 4), "");
}

TEST_F(HttpServerTest, StatusIsTheHandlers) {
  EXPECT_EQ(status_of(request("GET /b?x=1 HTTP/1.0\r\n\r\n")), "HTTP/1.1 503 Service Unavailable");
  EXPECT_EQ(status_of(request("GET /c HTTP/1.1\r\n\r\n")), "HTTP/1.1 404 Not Found");
}

TEST_F(HttpServerTest, OtherMethodsAreNotAllowed) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS"}) {
    const std::string response = request(std::string(method) + " /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(status_of(response), "HTTP/1.1 405 Method Not Allowed") << method;
    EXPECT_NE(response.find("Allow: GET, HEAD\r\n"), std::string::npos) << response;
  }
  EXPECT_EQ(status_of(request("POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")),
            "HTTP/1.1 405 Method Not Allowed");
}

TEST_F(HttpServerTest, AHeaderOfMoreThanFourKilobytesIsRefused) {
  EXPECT_EQ(status_of(request("GET /a HTTP/1.1\r\nX: " + std::string(3'500, 'x') + "\r\n\r\n")), "HTTP/1.1 200 OK");
  EXPECT_EQ(status_of(request("GET /a HTTP/1.1\r\nX: " + std::string(5'000, 'x') + "\r\n\r\n")),
            "HTTP/1.1 431 Request Header Fields Too Large");
}

TEST_F(HttpServerTest, WhatIsNoRequestIsRefusedAndOthersAreServed) {
  EXPECT_EQ(status_of(request("\x16\x03\x01 rubbish\r\n\r\n")), "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(status_of(request("GET /a HTTP/1.1\r\n\r\n")), "HTTP/1.1 200 OK");
}

TEST_F(HttpServerTest, SixteenSilentConnectionsKeepOthersOutForTwoSecondsAtMost) {
  std::vector<int> silent;
  for (int i = 0; i < 16; ++i) silent.push_back(connect());
  // All of them are accepted before this one, which is closed at once.
  EXPECT_EQ(read_all(connect()), "");
  for (const int fd : silent) {
    EXPECT_EQ(read_all(fd), "") << "closed, since nothing came";
    close(fd);
  }
  EXPECT_EQ(status_of(request("GET /a HTTP/1.1\r\n\r\n")), "HTTP/1.1 200 OK");
}

TEST_F(HttpServerTest, ATakenPortIsToldWithItsKeyAndTheWayOut) {
  try {
    const HttpServer second(server_.address(), answer);
    FAIL() << "two servers on " << server_.address();
  } catch (const rpc::BindError& error) {
    const std::string what = error.what();
    for (const char* part : {"metrics.listen", "in use", "\"\" for no metrics"}) {
      EXPECT_NE(what.find(part), std::string::npos) << what;
    }
  }
}

}  // namespace
}  // namespace melstream::daemon
