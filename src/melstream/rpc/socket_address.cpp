#include "melstream/rpc/socket_address.hpp"

#include <cstring>

#include <netinet/in.h>

namespace melstream::rpc {

sockaddr_storage unmapped(const sockaddr_storage& address) noexcept {
  if (address.ss_family != AF_INET6) return address;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return address;
  sockaddr_storage plain{};
  auto& v4 = reinterpret_cast<sockaddr_in&>(plain);
  v4.sin_family = AF_INET;
  v4.sin_port = v6.sin6_port;
  std::memcpy(&v4.sin_addr, &v6.sin6_addr.s6_addr[12], sizeof v4.sin_addr);
  return plain;
}

bool is_of_this_machine(const sockaddr_storage& address) noexcept {
  const sockaddr_storage plain = unmapped(address);
  if (plain.ss_family == AF_UNIX) return true;
  if (plain.ss_family == AF_INET6) return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(plain).sin6_addr);
  return plain.ss_family == AF_INET &&
         (ntohl(reinterpret_cast<const sockaddr_in&>(plain).sin_addr.s_addr) >> 24U) == 127U;
}

}  // namespace melstream::rpc
