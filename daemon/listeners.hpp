// Where clients come in: the config's sockets and addresses, and sockets that the service manager passes. Control
// threads.
#pragma once

#include <string>
#include <vector>

#include "melstream/rpc/server.hpp"

#include "daemon/config.hpp"

namespace melstream::daemon {

/// A listening descriptor that was passed, and its name (FileDescriptorName= of a .socket unit).
struct PassedSocket {
  int fd = -1;
  std::string name;
  bool operator==(const PassedSocket&) const = default;
};

/// What sd_listen_fds(3) says: LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, for this process; none otherwise.
/// @param variables as of getenv(3); null if not set.
std::vector<PassedSocket> passed_sockets(const char* listen_pid, const char* listen_fds, const char* listen_fdnames,
                                         int own_pid);

/// Passed sockets take the place of all sockets and addresses of the config that are of the same name: all, publisher,
/// subscriber, admin (unix sockets), tcp, tls. Throws core::Error(kInvalidArgument) for any other name, and for tls
/// without certificates in the config.
std::vector<rpc::ListenerSpec> make_listeners(const Config& config, const std::vector<PassedSocket>& passed);

}  // namespace melstream::daemon
