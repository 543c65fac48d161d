// The form of a line of the log. Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "daemon/log.hpp"

namespace melstream::daemon {

/// What follows time and level. Values that would be ambiguous are quoted, control characters and what is no UTF-8
/// escaped, so that a line stays a line, and JSON stays JSON, whatever a name holds.
std::string format_event(LogFormat format, std::string_view event, std::span<const LogField> fields);
inline std::string format_event(LogFormat format, std::string_view event, std::initializer_list<LogField> fields) {
  return format_event(format, event, std::span(fields.begin(), fields.size()));
}

/// The whole line, without its end. @param wall_ns Unix time.
std::string format_line(LogFormat format, std::int64_t wall_ns, LogLevel level, std::string_view event);

}  // namespace melstream::daemon
