// The bytes of a WebSocket's connection through Beast and the session to where streams begin: a whole connection if the
// first byte is even, else what follows a handshake and a format that are right.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include <sys/socket.h>
#include <unistd.h>

#include "melstream/audio/ws/ws_connection.hpp"

#include "tests/fuzz/peer_context.hpp"

namespace {

namespace audio = melstream::audio;

/// As net/sockaddr_un has no port, the local address is [::]:0.
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

/// Reads until the source has accepted the WebSocket.
void require_accepted(int fd) {
  std::string answer;
  while (answer.find("\r\n\r\n") == std::string::npos) {
    char bytes[1024];
    const ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
    if (n <= 0) std::abort();
    answer.append(bytes, static_cast<std::size_t>(n));
  }
  if (answer.find("101") == std::string::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static melstream::fuzz::PeerBench bench("ws://127.0.0.1:0");
  static const audio::WsOptions kOptions = options();
  if (size == 0) return 0;
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
  std::weak_ptr<audio::PeerConnection> connection;
  const auto start = [&] {
    bench.net().call(
        [&] { connection = audio::start_ws_connection(audio::OwnedFd(fds[0]), bench.context(), kOptions); });
  };
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    send_all(fds[1], bytes);
    start();
  } else {
    send_all(fds[1], kHandshake);
    start();
    require_accepted(fds[1]);
    send_all(fds[1], kFormat);
    send_all(fds[1], bytes);
  }
  shutdown(fds[1], SHUT_WR);
  // Everything has come, so the connection ends by itself; a second is far too long.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  for (bool over = false; !over;) {
    bench.net().call([&] { over = connection.expired(); });
    if (std::chrono::steady_clock::now() > deadline) std::abort();
  }
  close(fds[1]);
  return 0;
}
