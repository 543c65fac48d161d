// The checks of melstream doctor. Each looks at one thing and appends what it found; none changes anything, and none
// throws for what it finds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "melstream/v1/feature_service.pb.h"

#include "client/doctor/daemon_config.hpp"
#include "client/doctor/finding.hpp"
#include "client/doctor/machine.hpp"
#include "client/server_address.hpp"
#include "client/server_option.hpp"

namespace melstream::client::doctor {

/// What is known of the daemon when the others look.
struct DaemonState {
  std::optional<v1::GetServerInfoResponse> info;  ///< nothing: none answers
  pid_t pid = 0;                                  ///< on this machine, as its unix socket tells; 0: unknown
  std::optional<std::int64_t> planned_bytes;      ///< audio memory, as --check-config plans it
};

/// A daemon at one of these addresses, and what it says of itself. Sets daemon.info. @param option token and
/// certificates to show.
void check_daemon(const std::vector<ServerAddress>& candidates, ServerOption option, DaemonState& daemon,
                  Findings& findings);
/// A unix socket: the file, who may use it, its folder, whether somebody listens. Sets daemon.pid.
/// @param is_wanted the user or the config named it: that it is missing is then a fault
void check_socket(const Machine& machine, const std::string& path, bool is_wanted, DaemonState& daemon,
                  Findings& findings);
/// Reads the file and lets melstreamd check it. Sets daemon.planned_bytes. Without a file, its defaults.
/// @param path empty: the daemon's own place
/// @return what the other checks need of it
DaemonConfig check_config(const Machine& machine, const std::string& path, DaemonState& daemon, Findings& findings);
/// Memory and limits against the plan.
void check_limits(const Machine& machine, const DaemonState& daemon, Findings& findings);
/// GPU, driver, the plugin, and what the daemon made of them.
void check_gpu(const Machine& machine, const DaemonState& daemon, const std::string& backend, Findings& findings);
/// Sound cards and sound servers.
void check_sound(const Machine& machine, Findings& findings);
/// What of these is named: certificate with its key, authority of clients.
void check_certificates(const Machine& machine, const DaemonConfig& config, Findings& findings);
void check_tokens(const Machine& machine, const std::string& path, Findings& findings);
void check_clock(const Machine& machine, Findings& findings);

}  // namespace melstream::client::doctor
