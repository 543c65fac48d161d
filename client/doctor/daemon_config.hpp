// The few keys of the daemon's config that the checks need. What is right in it is melstreamd --check-config's to say.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace melstream::client::doctor {

struct DaemonConfig {
  std::optional<std::string> socket;               ///< server.socket
  std::vector<std::string> role_sockets;           ///< server.admin_socket and its like, those that are set
  std::optional<std::vector<std::string>> listen;  ///< server.listen
  std::vector<std::string> listen_tls;             ///< server.listen_tls
  std::string certificate;                         ///< [tls]
  std::string key;
  std::string client_ca;
  std::string tokens;   ///< [auth]
  std::string backend;  ///< engine.backend
};

/// What cannot be read as TOML gives nothing; keys that are missing or of another type stay empty.
/// @param text of the file
std::optional<DaemonConfig> parse_daemon_config(const std::string& text);

}  // namespace melstream::client::doctor
