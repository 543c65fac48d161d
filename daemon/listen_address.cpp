// Parsing only; names are resolved by the server when it binds.
#include "daemon/listen_address.hpp"

#include <charconv>
#include <cstddef>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "melstream/core/error.hpp"

namespace melstream::daemon {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw core::Error(core::ErrorCode::kInvalidArgument, why + ": expected \"HOST:PORT\" or \"[IPv6]:PORT\"", "listen");
}

std::uint16_t parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc{} || stop != end) refuse("no port from 0 to 65535 after the last ':'");
  return port;
}

bool is_loopback(const std::string& host) {
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24U) == 127;
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return host == "localhost";
}

}  // namespace

ListenAddress parse_listen_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) refuse("no ':'");
  std::string_view host = text.substr(0, colon);
  ListenAddress address;
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    in6_addr v6{};
    if (inet_pton(AF_INET6, std::string(host).c_str(), &v6) != 1) refuse("no IPv6 address between the brackets");
  } else if (host.find(':') != std::string_view::npos) {
    refuse("an IPv6 address needs brackets");
  }
  if (host.empty()) refuse("no host");
  address.host = host;
  address.port = parse_port(text.substr(colon + 1));
  address.loopback = is_loopback(address.host);
  return address;
}

}  // namespace melstream::daemon
