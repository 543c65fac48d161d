// The daemon's log: one line an event, `event key=value ...`, on standard error. Never on a real-time path, never
// audio. Whoever logs puts a line into a ring and goes on; the thread "ms-log" writes it, so that a full disk, a stuck
// terminal or a closed pipe holds up nobody.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace melstream::daemon {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };
inline constexpr std::size_t kNLogLevels = 4;
enum class LogFormat : std::uint8_t {
  kHuman,    ///< TIME LEVEL event key=value
  kJson,     ///< one JSON object a line: ts, level, event, then the fields
  kJournal,  ///< <PRIORITY>event key=value: journald has the time, and makes the priority of the prefix (sd-daemon(3))
};

struct LogField {
  LogField(std::string_view the_key, std::string the_value) : key(the_key), value(std::move(the_value)) {}
  LogField(std::string_view the_key, std::string_view the_value) : LogField(the_key, std::string(the_value)) {}
  LogField(std::string_view the_key, const char* the_value) : LogField(the_key, std::string(the_value)) {}
  template <typename Number, typename = std::enable_if_t<std::is_arithmetic_v<Number>>>
  LogField(std::string_view the_key, Number number) : key(the_key), is_literal(true) {
    if constexpr (std::is_same_v<Number, bool>) {
      value = number ? "true" : "false";
    } else {
      value = std::to_string(number);
    }
  }

  std::string_view key;
  std::string value;
  bool is_literal = false;  ///< a number or a truth value: no quotes in JSON
};

/// Thread-safe. Never blocks on standard error.
class Log {
 public:
  /// @param descriptor that lines are written to; it stays the caller's.
  Log(LogLevel level, LogFormat format, int descriptor = 2);
  /// As flush().
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// At most ten a second of one name; then "log_suppressed" tells how many were left out.
  void event(LogLevel level, std::string_view event, std::span<const LogField> fields) const noexcept;
  void event(LogLevel level, std::string_view name, std::initializer_list<LogField> fields = {}) const noexcept {
    event(level, name, std::span(fields.begin(), fields.size()));
  }
  /// Without that limit: for what somebody has asked for.
  void record(LogLevel level, std::string_view name, std::initializer_list<LogField> fields) const noexcept;
  bool enabled(LogLevel level) const noexcept { return level >= level_.load(std::memory_order_relaxed); }
  void set_level(LogLevel level) noexcept { level_.store(level, std::memory_order_relaxed); }

  /// Tells of what was suppressed in seconds that are over. Call about once a second.
  void tell_suppressed() const noexcept;
  /// Waits until all lines so far are written or lost, at most so long. For whoever ends the process.
  void flush(std::chrono::milliseconds at_most = std::chrono::seconds(1)) const noexcept;

  /// Events of enabled levels, suppressed and dropped ones included.
  std::int64_t n_messages(LogLevel level) const noexcept {
    return n_messages_[static_cast<std::size_t>(level)].load(std::memory_order_relaxed);
  }
  /// Lines that had no room in the ring, or that could not be written.
  std::int64_t n_dropped() const noexcept;

 private:
  class Writer;
  struct Limits;
  void put(LogLevel level, std::string_view name, std::span<const LogField> fields) const;

  const LogFormat format_;
  std::atomic<LogLevel> level_;
  // Writers: those who log; readers: any. Counts of their own.
  mutable std::array<std::atomic<std::int64_t>, kNLogLevels> n_messages_{};
  const std::unique_ptr<Limits> limits_;
  const std::unique_ptr<Writer> writer_;
};

/// "debug", "info", "warning", "error".
std::string_view name_of(LogLevel level) noexcept;
/// Words of the config: debug, info, warning, error; human, json. Anything else: info, human.
LogLevel parse_log_level(std::string_view word) noexcept;
LogFormat parse_log_format(std::string_view word) noexcept;
/// kJournal instead of kHuman if the descriptor is the journal's, as JOURNAL_STREAM says (systemd.exec(5)).
LogFormat for_descriptor(LogFormat format, int descriptor) noexcept;

/// Standard descriptors that are closed become /dev/null, so that no socket takes their place and gets the log's lines;
/// a broken pipe becomes an error of write(2). Before anything is opened.
void secure_standard_descriptors() noexcept;

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
