// The daemon's configuration: a value, read and validated once (config_reader.hpp), then const. Every key is documented
// in config/melstream.toml; the table of keys, types and ranges is config_keys.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "melstream/core/sources.hpp"

namespace melstream::daemon {

struct ServerConfig {
  std::string socket;  ///< path; empty: none
  std::vector<std::string> listen{"127.0.0.1:50071"};
  bool allow_insecure_bind = false;
  std::int64_t max_connections = 0;  ///< 0: what the limit of open files leaves
  double drain_timeout_s = 10.0;
  double publisher_idle_timeout_s = 30.0;
  bool operator==(const ServerConfig&) const = default;
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
  bool operator==(const MemoryConfig&) const = default;
};

struct MetricsConfig {
  std::string listen = "127.0.0.1:9464";      ///< empty: no HTTP
  std::vector<std::string> required_sources;  ///< ids of sources without which /readyz fails
  bool operator==(const MetricsConfig&) const = default;
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
  EngineConfig engine;
  StreamConfig stream;
  FeaturesConfig features;
  MemoryConfig memory;
  MetricsConfig metrics;
  LogConfig log;
  std::vector<FrontEndDefinition> front_ends;
  std::vector<core::SourceSpec> sources;
  bool operator==(const Config&) const = default;
};

/// The config as TOML that reads back to the same value.
std::string to_toml(const Config& config);

/// $XDG_RUNTIME_DIR/melstream.sock, or /run/melstream/melstream.sock without one.
/// @param xdg_runtime_dir the variable's value, null if unset.
std::string default_socket(const char* xdg_runtime_dir);

}  // namespace melstream::daemon
