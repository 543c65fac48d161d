// The bytes of a WebSocket's connection through Beast and the session to where streams begin. The low bits of the first
// byte say what came before: 1 a handshake that is right, 2 and a format too.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include "melstream/audio/ws/ws_connection.hpp"

#include "tests/fuzz/peer_context.hpp"

namespace {

namespace audio = melstream::audio;

constexpr std::string_view kHandshake =
    "GET / HTTP/1.1\r\nHost: fuzz\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
constexpr std::string_view kFormat("\x81\x82\0\0\0\0{}", 8);

audio::WsOptions options() {
  audio::SourceUri uri = audio::parse_source_uri("ws://127.0.0.1:0?hosts=fuzz&origins=http://a");
  return {audio::WsAdmission(uri, uri.params), {}};
}

void send_all(int fd, std::string_view bytes) {
  if (!bytes.empty() && send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) {
    std::abort();  // a socket pair holds far more
  }
}

/// Runs what is to be done until the source has accepted the WebSocket.
void require_accepted(int fd, boost::asio::io_context& io) {
  std::array<char, 1024> answer{};
  ssize_t n = -1;
  while (n < 0) {
    io.poll();
    n = recv(fd, answer.data(), answer.size(), MSG_DONTWAIT);
  }
  if (std::string_view(answer.data(), static_cast<std::size_t>(n)).substr(0, 12) != "HTTP/1.1 101") std::abort();
}

/// On the thread of sockets, which meanwhile does nothing else: handing over to it costs more than all the rest.
void run_connection(std::string_view bytes, unsigned before, melstream::fuzz::PeerBench& bench) {
  static const audio::WsOptions kOptions = options();
  boost::asio::io_context& io = bench.net().context();
  std::array<int, 2> fds{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) std::abort();
  send_all(fds[1], before > 0 ? kHandshake : bytes);
  const std::weak_ptr<audio::PeerConnection> connection =
      audio::start_ws_connection(audio::OwnedFd(fds[0]), bench.context(), kOptions);
  if (before > 0) {
    require_accepted(fds[1], io);
    if (before == 2) send_all(fds[1], kFormat);
    send_all(fds[1], bytes);
  }
  shutdown(fds[1], SHUT_WR);
  // Everything has come, so the connection ends by itself; the slowest takes its two seconds of goodbye.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!connection.expired()) {
    io.poll();
    if (std::chrono::steady_clock::now() > deadline) std::abort();
  }
  close(fds[1]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static melstream::fuzz::PeerBench bench("ws://127.0.0.1:0");
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  bench.net().call([&] { run_connection(bytes, data[0] % 3U, bench); });
  return 0;
}
