// The page's server over real sockets: requests as bytes, a WebSocket by hand, and its end at any moment.
#include "daemon/page/live_page.hpp"

#include <array>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "melstream/rpc/server.hpp"

#include "tests/pipeline/pipeline_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace melstream::page {
namespace {

/// A client's end, closed at last.
class Peer {
 public:
  explicit Peer(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() { close(fd_); }

  void send(const std::string& bytes) const {
    EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  /// Until this has come, or nothing more does.
  std::string receive_until(const std::string& text) const {
    std::string all;
    std::array<char, 4096> buffer{};
    pollfd readable{fd_, POLLIN, 0};
    while (all.find(text) == std::string::npos && poll(&readable, 1, 30'000) > 0) {
      const ssize_t n = recv(fd_, buffer.data(), buffer.size(), 0);
      if (n <= 0) break;
      all.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return all;
  }
  std::string receive_all() const { return receive_until("\x01 never"); }

 private:
  int fd_;
};

/// A text message of less than 126 bytes, masked with zeros.
std::string frame(const std::string& text) {
  EXPECT_LT(text.size(), 126U);
  return std::string("\x81") + static_cast<char>(0x80U | text.size()) + std::string(4, '\0') + text;
}

class LivePageTest : public test::PipelineTest {
 protected:
  LivePageTest() { make(); }

  void make() {
    page_ = std::make_unique<LivePage>(
        LivePageOptions{.host = "127.0.0.1", .version = "9.9"},
        LivePageParts{*registry_, system_clock_,
                      [](const core::StreamRequest&) -> std::unique_ptr<core::OpenStream> {
                        throw core::Error(core::ErrorCode::kResourceExhausted, "no room for a stream");
                      },
                      [this](std::string_view event, const std::string& why) {
                        const std::lock_guard lock(told_mutex_);
                        told_.push_back(std::string(event) + ": " + why);
                      }});
    const std::string url = page_->url();
    port_ = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  }
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string get(const std::string& path, const std::string& headers = {}) const {
    const Peer peer(port_);
    peer.send("GET " + path + " HTTP/1.1\r\nHost: " + host() + "\r\n" + headers + "\r\n");
    return peer.receive_all();
  }
  std::string token() const {
    const std::string page = get("/");
    const std::string before = "melstream-token\" content=\"";
    return page.substr(page.find(before) + before.size(), 64);
  }
  std::unique_ptr<Peer> open_socket(const std::string& path) const {
    auto peer = std::make_unique<Peer>(port_);
    peer->send("GET " + path + "?token=" + token() + " HTTP/1.1\r\nHost: " + host() + "\r\nOrigin: http://" + host() +
               "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
               "Sec-WebSocket-Version: 13\r\n\r\n");
    return peer;
  }

  const core::SystemClock system_clock_;
  std::mutex told_mutex_;  // protects told_, which ms-page writes
  std::vector<std::string> told_;
  std::uint16_t port_ = 0;
  std::unique_ptr<LivePage> page_;
};

TEST_F(LivePageTest, ServesItsFilesAndRefusesOthers) {
  EXPECT_THAT(get("/"), testing::StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(get("/app.js"), testing::HasSubstr("Content-Type: text/javascript"));
  EXPECT_THAT(get("/x"), testing::StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(get("/", "Origin: http://evil.example\r\n"), testing::StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(get("/", "Host: evil.example\r\n"), testing::StartsWith("HTTP/1.1 400 ")) << "two hosts are none";
  EXPECT_THAT(get("/features"), testing::StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(get("/", "X: " + std::string(9000, 'x') + "\r\n"), testing::StartsWith("HTTP/1.1 431 "));
  const std::lock_guard lock(told_mutex_);
  EXPECT_THAT(told_, testing::Contains(testing::HasSubstr("page_refused: pages of Origin 'http://evil.example'")));
}

TEST_F(LivePageTest, AWebSocketSaysHelloAndTheList) {
  const auto peer = open_socket("/features");
  const std::string got = peer->receive_until("\"streams\"");
  EXPECT_THAT(got, testing::StartsWith("HTTP/1.1 101 "));
  EXPECT_THAT(got, testing::HasSubstr("\"version\":\"9.9\""));
  peer->send(frame(
      R"({"subscribe":{"slot":0,"generation":1,"stream":"a","front_end":"kaldi-80","smoothing":"none","seconds_back":1}})"));
  std::vector<PageReader> readers;
  EXPECT_TRUE(test::eventually([&] { return !(readers = page_->readers()).empty(); }));
  ASSERT_EQ(readers.size(), 1U);
  EXPECT_EQ(readers[0].stream, "a");
  EXPECT_THAT(readers[0].peer, testing::StartsWith("page:127.0.0.1:"));
}

TEST_F(LivePageTest, WhatIsWrongIsSaidBeforeTheClose) {
  const auto peer = open_socket("/features");
  peer->receive_until("\"streams\"");
  peer->send(frame("{}"));
  EXPECT_THAT(peer->receive_all(), testing::HasSubstr("\x88"));
  const auto microphone = open_socket("/microphone");
  microphone->receive_until("\r\n\r\n");
  microphone->send(frame(R"({"start":{"rate":16000,"key":"00112233445566778899aabbccddeeff"}})"));
  EXPECT_THAT(microphone->receive_all(), testing::HasSubstr("{\"error\":\"no room for a stream\"}"));
}

TEST_F(LivePageTest, EndsWithPagesOpen) {
  const auto peer = open_socket("/features");
  peer->receive_until("\"streams\"");
  page_->end(core::EndReason::kShutdown);
  EXPECT_THAT(peer->receive_all(), testing::HasSubstr("\x03\xe9the daemon is shutting down"));
  page_->end(core::EndReason::kShutdown);
  EXPECT_TRUE(page_->readers().empty());
}

TEST_F(LivePageTest, GoesAwayAtAnyMoment) {
  for (int i = 0; i < 8; ++i) {
    std::vector<std::unique_ptr<Peer>> peers;
    for (int k = 0; k < 3; ++k) peers.push_back(open_socket(k == 0 ? "/microphone" : "/features"));
    if (i % 2 == 0) peers[1]->receive_until("\"streams\"");
    peers.push_back(std::make_unique<Peer>(port_));
    page_.reset();
    make();
  }
}

TEST_F(LivePageTest, AnAddressInUseIsNamed) {
  LivePageOptions options{.host = "127.0.0.1", .port = port_};
  try {
    const LivePage second(std::move(options), {*registry_, system_clock_, {}, {}});
    FAIL() << "two pages on one port";
  } catch (const rpc::BindError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("page.listen"));
    EXPECT_THAT(error.what(), testing::HasSubstr("choose another port"));
  }
}

}  // namespace
}  // namespace melstream::page
