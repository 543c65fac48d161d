// The daemon's configuration: a value, read and validated once (config_reader.hpp), then const. Every key is documented
// in config/melstream.toml; the table of keys, types and ranges is config_keys.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "melstream/access/access_rules.hpp"
#include "melstream/core/sources.hpp"

namespace melstream::daemon {

struct ServerConfig {
  std::string socket;            ///< path; empty: none
  std::string publisher_socket;  ///< paths of sockets for one role each; empty: none
  std::string subscriber_socket;
  std::string admin_socket;
  std::string socket_group;  ///< of the files of all sockets; empty: the process's
  std::vector<std::string> listen{"127.0.0.1:50071"};
  std::vector<std::string> listen_tls;
  bool allow_insecure_bind = false;
  std::int64_t max_connections = 0;  ///< 0: what the limit of open files leaves
  double drain_timeout_s = 10.0;
  double retire_timeout_s = 3600.0;
  double take_over_s = 0.0;  ///< of the command line: how long to wait for addresses in use
  double publisher_idle_timeout_s = 30.0;
  bool operator==(const ServerConfig&) const = default;
};

/// 0: no limit.
struct LimitsConfig {
  std::int64_t calls_per_connection = 4096;
  std::int64_t connections_per_address = 64;
  double connections_per_second = 50.0;
  std::int64_t connections_per_identity = 64;
  std::int64_t streams_per_identity = 0;
  std::int64_t subscriptions_per_identity = 1024;
  double subscriptions_per_second = 200.0;
  bool operator==(const LimitsConfig&) const = default;
};

/// Files; see access/certificates.hpp.
struct TlsConfig {
  std::string certificate;
  std::string key;
  std::string client_ca;
  bool require_client_certificate = true;
  bool operator==(const TlsConfig&) const = default;
};

struct AuthConfig {
  std::string tokens;  ///< a file; empty: no tokens
  std::vector<std::string> anonymous_roles{"publisher", "subscriber", "admin"};
  bool operator==(const AuthConfig&) const = default;
};

struct EngineConfig {
  std::string backend = "auto";
  std::string simd = "auto";
  std::int64_t threads = 0;  ///< 0: automatic
  std::int64_t tick_ms = 10;
  std::int64_t device = 0;
  std::string wait = "sleep";
  bool operator==(const EngineConfig&) const = default;
};

struct StreamConfig {
  std::int64_t ring_ms = 1000;
  double audio_history_s = 0.0;
  double local_audio_history_s = 40.0;
  double history_s = 30.0;
  std::int64_t max_streams = 256;
  bool operator==(const StreamConfig&) const = default;
};

struct FeaturesConfig {
  std::vector<std::string> always;  ///< names of front ends
  bool operator==(const FeaturesConfig&) const = default;
};

struct MemoryConfig {
  std::int64_t audio_history_bytes = std::int64_t{64} << 20;
  std::int64_t queued_bytes = std::int64_t{256} << 20;
  std::int64_t limit_bytes = 0;  ///< 0: what the plan comes to
  bool operator==(const MemoryConfig&) const = default;
};

struct MetricsConfig {
  std::string listen = "127.0.0.1:9464";      ///< empty: no HTTP
  std::vector<std::string> required_sources;  ///< ids of sources without which /readyz fails
  bool operator==(const MetricsConfig&) const = default;
};

struct PageConfig {
  std::string listen;  ///< empty: no live page
  bool operator==(const PageConfig&) const = default;
};

struct LogConfig {
  std::string level = "info";
  std::string format = "human";
  bool operator==(const LogConfig&) const = default;
};

/// One field of a front end that differs from its base.
struct FrontEndField {
  std::string key;      ///< one of engine::field_keys()
  std::string text;     ///< value as engine::set_field() takes it
  std::string literal;  ///< the same as TOML
  bool operator==(const FrontEndField&) const = default;
};

struct FrontEndDefinition {
  std::string name;
  std::string base;
  std::vector<FrontEndField> fields;
  bool operator==(const FrontEndDefinition&) const = default;
};

struct Config {
  ServerConfig server;
  LimitsConfig limits;
  TlsConfig tls;
  AuthConfig auth;
  EngineConfig engine;
  StreamConfig stream;
  FeaturesConfig features;
  MemoryConfig memory;
  MetricsConfig metrics;
  PageConfig page;
  LogConfig log;
  std::vector<FrontEndDefinition> front_ends;
  std::vector<core::SourceSpec> sources;
  std::vector<access::Identity> identities;
  bool operator==(const Config&) const = default;
};

/// The config as TOML that reads back to the same value.
std::string to_toml(const Config& config);

/// $XDG_RUNTIME_DIR/melstream.sock, or /run/melstream/melstream.sock without one.
/// @param xdg_runtime_dir the variable's value, null if unset.
std::string default_socket(const char* xdg_runtime_dir);

}  // namespace melstream::daemon
