// For tests with sockets on loopback: places to bind, sockets that send.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "melstream/audio/net_address.hpp"

namespace melstream::test {

/// 127.0.0.1 with any port.
inline audio::NetAddress any_port() {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return audio::NetAddress(reinterpret_cast<const sockaddr&>(v4));
}

/// A socket that is connected to `to`. @param type SOCK_STREAM or SOCK_DGRAM; it blocks.
inline audio::OwnedFd connected(const audio::NetAddress& to, int type) {
  audio::OwnedFd fd(socket(AF_INET, type | SOCK_CLOEXEC, 0));
  if (to.apply(::connect, fd.get()) != 0) return {};
  return fd;
}

/// Sends all of it, without SIGPIPE. False if the peer is gone.
inline bool send_all(const audio::OwnedFd& fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return true;
}
inline bool send_all(const audio::OwnedFd& fd, const std::string& text) {
  return send_all(fd, std::as_bytes(std::span(text)));
}

}  // namespace melstream::test
