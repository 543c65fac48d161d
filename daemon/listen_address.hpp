// Addresses of [server] listen: "HOST:PORT", "[IPv6]:PORT". Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace melstream::daemon {

struct ListenAddress {
  std::string host;  ///< without brackets
  std::uint16_t port = 0;
  bool loopback = false;  ///< reachable only from this machine: 127.0.0.0/8, ::1, localhost
};

/// Throws core::Error(kInvalidArgument) saying what is expected.
ListenAddress parse_listen_address(std::string_view text);

}  // namespace melstream::daemon
