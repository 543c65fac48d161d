// The daemon's log: one line an event, `event key=value ...`, on standard error. Never on a real-time path, never
// audio.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace spdlog {
class logger;
}

namespace melstream::daemon {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };
enum class LogFormat : std::uint8_t {
  kHuman,  ///< TIME LEVEL event key=value
  kJson,   ///< one JSON object a line: ts, level, event, then the fields as texts
};

struct LogField {
  std::string_view key;
  std::string value;
};

/// Thread-safe; may block on standard error.
class Log {
 public:
  Log(LogLevel level, LogFormat format);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void event(LogLevel level, std::string_view event, std::span<const LogField> fields) const noexcept;
  void event(LogLevel level, std::string_view name, std::initializer_list<LogField> fields = {}) const noexcept {
    event(level, name, std::span(fields.begin(), fields.size()));
  }
  bool enabled(LogLevel level) const noexcept;
  /// From now on. Any thread.
  void set_level(LogLevel level) const noexcept;

 private:
  const LogFormat format_;
  std::unique_ptr<spdlog::logger> logger_;
};

/// Words of the config: debug, info, warning, error; human, json. Anything else: info, human.
LogLevel parse_log_level(std::string_view word) noexcept;
LogFormat parse_log_format(std::string_view word) noexcept;

/// What follows time and level. Values that would be ambiguous are quoted, control characters escaped, so that a line
/// stays a line whatever a name holds.
std::string format_event(LogFormat format, std::string_view event, std::span<const LogField> fields);
inline std::string format_event(LogFormat format, std::string_view event, std::initializer_list<LogField> fields) {
  return format_event(format, event, std::span(fields.begin(), fields.size()));
}

/// Sends gRPC's own messages to the log at debug level; without this they would go to standard error in a form of their
/// own. Until the returned guard is destroyed.
class GrpcLogGuard {
 public:
  explicit GrpcLogGuard(const Log& log);
  ~GrpcLogGuard();
  GrpcLogGuard(const GrpcLogGuard&) = delete;
  GrpcLogGuard& operator=(const GrpcLogGuard&) = delete;
};

}  // namespace melstream::daemon
