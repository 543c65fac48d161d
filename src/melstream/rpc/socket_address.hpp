// What an address of a socket says of who reaches it. Pure.
#pragma once

#include <sys/socket.h>

namespace melstream::rpc {

/// A socket of both families shows addresses of IPv4 as ::ffff:a.b.c.d: as of IPv4; any other unchanged.
sockaddr_storage unmapped(const sockaddr_storage& address) noexcept;

/// Unix sockets and loopback.
bool is_of_this_machine(const sockaddr_storage& address) noexcept;

}  // namespace melstream::rpc
