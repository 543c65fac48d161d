// The only file of the client that includes toml++: it is slow to compile.
#include "client/doctor/daemon_config.hpp"

// toml++ 3.3 asserts what a malformed file breaks before it reports the error properly.
#undef NDEBUG
#define TOML_ASSERT(expr) static_cast<void>(0)
#include <toml++/toml.h>

namespace melstream::client::doctor {

std::optional<DaemonConfig> parse_daemon_config(const std::string& text) {
  try {
    const toml::table root = toml::parse(text);
    DaemonConfig config;
    config.socket = root["server"]["socket"].value<std::string>();
    if (const toml::array* listen = root["server"]["listen"].as_array()) {
      config.listen.emplace();
      for (const toml::node& address : *listen) {
        if (const auto word = address.value<std::string>()) config.listen->push_back(*word);
      }
    }
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
