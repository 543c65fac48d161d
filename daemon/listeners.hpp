// Where clients come in: the config's sockets and addresses, and sockets that the service manager passes. Control
// threads.
#pragma once

#include <string>
#include <vector>

#include "melstream/core/error.hpp"
#include "melstream/rpc/server.hpp"

#include "daemon/config.hpp"

namespace melstream::daemon {

/// A listening descriptor that was passed, and its name (FileDescriptorName= of a .socket unit).
struct PassedSocket {
  int fd = -1;
  std::string name;
  bool operator==(const PassedSocket&) const = default;
};

/// A passed socket that does not fit its name or the config. The message says what to change.
class PassedSocketError : public core::Error {
 public:
  explicit PassedSocketError(const std::string& message) : Error(core::ErrorCode::kInvalidArgument, message) {}
};

/// What sd_listen_fds(3) says: LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, for this process; none otherwise.
/// @param variables as of getenv(3); null if not set.
std::vector<PassedSocket> passed_sockets(const char* listen_pid, const char* listen_fds, const char* listen_fdnames,
                                         int own_pid);

/// Passed sockets take the place of all sockets and addresses of the config that are of the same name: all, publisher,
/// subscriber, admin (unix sockets), tcp, tls. Throws PassedSocketError for any other name, a socket of another family
/// than its name's, tcp that other machines reach without server.allow_insecure_bind, and tls without
/// server.listen_tls.
std::vector<rpc::ListenerSpec> make_listeners(const Config& config, const std::vector<PassedSocket>& passed);

}  // namespace melstream::daemon
