// The few keys of the daemon's config that the checks need. What is right in it is melstreamd --check-config's to say.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace melstream::client::doctor {

struct DaemonConfig {
  std::optional<std::string> socket;               ///< server.socket
  std::optional<std::vector<std::string>> listen;  ///< server.listen
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
