#include "daemon/listener_rules.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include "melstream/access/role.hpp"
#include "melstream/core/error.hpp"

#include "daemon/config_keys.hpp"
#include "daemon/listen_address.hpp"

namespace melstream::daemon {
namespace {

using Complaints = std::vector<Diagnostic>;

struct SocketKey {
  std::string_view name;
  std::string ServerConfig::*path;
};

constexpr SocketKey kSocketKeys[] = {{"socket", &ServerConfig::socket},
                                     {"publisher_socket", &ServerConfig::publisher_socket},
                                     {"subscriber_socket", &ServerConfig::subscriber_socket},
                                     {"admin_socket", &ServerConfig::admin_socket}};

Position place_of(const TomlValue& root, std::string_view section, std::string_view key) {
  const TomlMember* member = find_key(root, section, key);
  return member == nullptr ? Position{} : member->value.at;
}

void check_socket(const TomlValue& root, const SocketKey& key, const std::string& path, Complaints& complaints) {
  // sun_path of sockaddr_un, its final zero included (unix(7)).
  constexpr std::size_t kMostSocketBytes = 108;
  const Position at = place_of(root, "server", key.name);
  const std::string name = "server." + std::string(key.name);
  if (path.size() >= kMostSocketBytes) {
    complaints.push_back({at, name + ": the path has " + std::to_string(path.size()) +
                                  " bytes, a unix socket's at most 107: choose a shorter one"});
  }
  if (path.find('\0') != std::string::npos) complaints.push_back({at, name + ": the path has a zero byte"});
}

void check_sockets(const TomlValue& root, const ServerConfig& server, Complaints& complaints) {
  std::set<std::string_view> seen;
  for (const SocketKey& key : kSocketKeys) {
    const std::string& path = server.*key.path;
    if (path.empty()) continue;
    check_socket(root, key, path, complaints);
    if (!seen.insert(path).second) {
      complaints.push_back(
          {place_of(root, "server", key.name),
           "server." + std::string(key.name) + ": another socket has this path; each role needs its own"});
    }
  }
}

/// @param allowed it may be reached from other machines.
void check_address(const TomlValue& element, std::string_view key, bool allowed, Complaints& complaints) {
  const std::string shown = "server." + std::string(key) + ": " + toml_string(element.text);
  try {
    if (parse_listen_address(element.text).loopback || allowed) return;
    complaints.push_back({element.at, shown +
                                          " can be reached from other machines, without encryption or authentication: "
                                          "use 127.0.0.1 or [::1], or server.listen_tls, or set "
                                          "server.allow_insecure_bind = true"});
  } catch (const core::Error& error) {
    complaints.push_back({element.at, shown + " has " + error.what()});
  }
}

void check_addresses(const TomlValue& root, std::string_view key, bool allowed, std::set<std::string_view>& seen,
                     Complaints& complaints) {
  const TomlMember* listen = find_key(root, "server", key);
  if (listen == nullptr) return;
  for (const TomlValue& element : listen->value.elements) {
    if (element.kind != TomlValue::Kind::kString) continue;  // its rule has complained
    check_address(element, key, allowed, complaints);
    if (!seen.insert(element.text).second) {
      complaints.push_back(
          {element.at, "server." + std::string(key) + ": " + toml_string(element.text) + " is there twice"});
    }
  }
}

void check_tls(const TomlValue& root, const Config& config, Complaints& complaints) {
  if (config.server.listen_tls.empty()) return;
  const Position at = place_of(root, "server", "listen_tls");
  if (config.tls.certificate.empty() || config.tls.key.empty()) {
    complaints.push_back({at, "server.listen_tls: set tls.certificate and tls.key to the PEM files of this server"});
  }
  if (config.tls.client_ca.empty() && config.auth.tokens.empty()) {
    complaints.push_back({at,
                          "server.listen_tls: nobody could come in: set auth.tokens, or tls.client_ca for client "
                          "certificates, and add an [[identity]]"});
  }
}

}  // namespace

void check_listeners(const TomlValue& root, const Config& config, Complaints& complaints) {
  check_sockets(root, config.server, complaints);
  std::set<std::string_view> seen;
  check_addresses(root, "listen", config.server.allow_insecure_bind, seen, complaints);
  check_addresses(root, "listen_tls", true, seen, complaints);
  const TomlMember* listen = find_key(root, "server", "listen");
  const bool no_sockets = std::all_of(std::begin(kSocketKeys), std::end(kSocketKeys),
                                      [&](const SocketKey& key) { return (config.server.*key.path).empty(); });
  const bool no_listen =
      listen != nullptr && listen->value.kind == TomlValue::Kind::kArray && listen->value.elements.empty();
  if (no_sockets && no_listen && config.server.listen_tls.empty()) {
    complaints.push_back({listen->value.at, "server: neither a socket nor a listen address: nobody could connect"});
  }
}

void check_access(const TomlValue& root, const Config& config, Complaints& complaints) {
  const TomlMember* roles = find_key(root, "auth", "anonymous_roles");
  if (roles != nullptr) {
    for (const TomlValue& element : roles->value.elements) {
      if (element.kind != TomlValue::Kind::kString || access::parse_role(element.text)) continue;
      complaints.push_back(wrong_value("auth.anonymous_roles", element, "\"publisher\", \"subscriber\" or \"admin\""));
      complaints.back().message += did_you_mean(element.text, access::kRoleNames);
    }
  }
  check_tls(root, config, complaints);
  if (!config.auth.tokens.empty() && root.find("identity") == nullptr) {
    complaints.push_back(
        {place_of(root, "auth", "tokens"),
         "auth.tokens: a token is of an identity, and there is none: add an [[identity]] with name and "
         "roles"});
  }
}

}  // namespace melstream::daemon
