// spdlog writes; the form of a line is made here. The only file that includes spdlog.
#include "daemon/log.hpp"

#include <algorithm>
#include <array>
#include <exception>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace melstream::daemon {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

/// With the escapes that JSON and people know.
std::string quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHex[byte >> 4U];
      out += kHex[byte & 0xfU];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

bool needs_quotes(std::string_view text) {
  return text.empty() || std::any_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '"' || c == '=' || c == '\\';
         });
}

}  // namespace

Log::Log(LogLevel level, LogFormat format)
    : format_(format),
      logger_(std::make_unique<spdlog::logger>("melstreamd", std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
  const char* pattern = format == LogFormat::kJson ? R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                                                   : "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v";
  logger_->set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
  logger_->set_level(to_spdlog(level));
}

Log::~Log() = default;

void Log::event(LogLevel level, std::string_view event, std::span<const LogField> fields) const noexcept {
  if (!enabled(level)) return;
  try {
    logger_->log(to_spdlog(level), spdlog::string_view_t(format_event(format_, event, fields)));
  } catch (const std::exception&) {
    // Out of memory: a lost line is better than a lost daemon. spdlog itself catches a sink that fails.
  }
}

void Log::set_level(LogLevel level) const noexcept { logger_->set_level(to_spdlog(level)); }

bool Log::enabled(LogLevel level) const noexcept { return logger_->should_log(to_spdlog(level)); }

LogLevel parse_log_level(std::string_view word) noexcept {
  if (word == "debug") return LogLevel::kDebug;
  if (word == "warning") return LogLevel::kWarning;
  if (word == "error") return LogLevel::kError;
  return LogLevel::kInfo;
}

LogFormat parse_log_format(std::string_view word) noexcept {
  return word == "json" ? LogFormat::kJson : LogFormat::kHuman;
}

std::string format_event(LogFormat format, std::string_view event, std::span<const LogField> fields) {
  const bool json = format == LogFormat::kJson;
  std::string line = json ? "\"event\":" + quoted(event) : std::string(event);
  for (const LogField& field : fields) {
    if (json) {
      line.append(",").append(quoted(field.key)).append(":").append(quoted(field.value));
    } else {
      line.append(" ").append(field.key).append("=").append(needs_quotes(field.value) ? quoted(field.value)
                                                                                      : field.value);
    }
  }
  return line;
}

}  // namespace melstream::daemon
