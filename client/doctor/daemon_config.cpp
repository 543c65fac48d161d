// The only file of the client that includes toml++: it is slow to compile.
#include "client/doctor/daemon_config.hpp"

// toml++ 3.3 asserts what a malformed file breaks before it reports the error properly.
#undef NDEBUG
#define TOML_ASSERT(expr) static_cast<void>(0)
#include <toml++/toml.h>

namespace melstream::client::doctor {
namespace {

std::vector<std::string> texts_of(const toml::array& array) {
  std::vector<std::string> texts;
  for (const toml::node& node : array) {
    if (const auto text = node.value<std::string>()) texts.push_back(*text);
  }
  return texts;
}

}  // namespace

std::optional<DaemonConfig> parse_daemon_config(const std::string& text) {
  try {
    const toml::table root = toml::parse(text);
    DaemonConfig config;
    config.socket = root["server"]["socket"].value<std::string>();
    // What answers the most calls first.
    for (const char* key : {"admin_socket", "subscriber_socket", "publisher_socket"}) {
      const std::string path = root["server"][key].value_or(std::string());
      if (!path.empty()) config.role_sockets.push_back(path);
    }
    if (const toml::array* listen = root["server"]["listen"].as_array()) config.listen = texts_of(*listen);
    if (const toml::array* listen = root["server"]["listen_tls"].as_array()) config.listen_tls = texts_of(*listen);
    config.certificate = root["tls"]["certificate"].value_or(std::string());
    config.key = root["tls"]["key"].value_or(std::string());
    config.client_ca = root["tls"]["client_ca"].value_or(std::string());
    config.tokens = root["auth"]["tokens"].value_or(std::string());
    config.backend = root["engine"]["backend"].value_or(std::string("auto"));
    return config;
  } catch (const toml::parse_error&) {
    return std::nullopt;
  }
}

}  // namespace melstream::client::doctor
