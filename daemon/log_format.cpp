#include "daemon/log_format.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace melstream::daemon {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

void append_escaped(std::string& out, unsigned char byte) {
  out += "\\u00";
  out += kHex[byte >> 4U];
  out += kHex[byte & 0xfU];
}

/// Bytes of the UTF-8 character that `text` begins with; 0 if it is none (RFC 3629).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t n = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < n) return 0;
  for (std::size_t i = 1; i < n; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return 0;
  }
  // Too long for what they say, surrogates, and beyond the last character.
  if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) > 0x9f)) return 0;
  if ((lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) > 0x8f)) return 0;
  return n;
}

/// With the escapes that JSON and people know.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t n = utf8_length(text.substr(i));
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[i];
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f || n == 0) {
      append_escaped(out, byte);
    } else {
      out += text.substr(i, n);
    }
    i += std::max<std::size_t>(1, n);
  }
  return out + "\"";
}

bool needs_quotes(std::string_view text) {
  if (text.empty()) return true;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t n = utf8_length(text.substr(i));
    if (n == 0 || byte <= 0x20 || byte == 0x7f || byte == '"' || byte == '=' || byte == '\\') return true;
    i += n;
  }
  return false;
}

/// "2026-11-26T09:30:05.123Z".
std::string time_text(std::int64_t wall_ns) {
  constexpr std::int64_t kNsPerSecond = 1'000'000'000;
  const std::time_t seconds = wall_ns / kNsPerSecond;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t n = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(wall_ns % kNsPerSecond / 1'000'000));
  return std::string(text.data(), n) + fraction.data();
}

}  // namespace

std::string format_event(LogFormat format, std::string_view event, std::span<const LogField> fields) {
  const bool json = format == LogFormat::kJson;
  std::string line = json ? "\"event\":" + quoted(event) : std::string(event);
  for (const LogField& field : fields) {
    if (json) {
      line.append(",").append(quoted(field.key)).append(":");
      line.append(field.is_literal ? field.value : quoted(field.value));
    } else {
      line.append(" ").append(field.key).append("=");
      line.append(needs_quotes(field.value) ? quoted(field.value) : field.value);
    }
  }
  return line;
}

std::string format_line(LogFormat format, std::int64_t wall_ns, LogLevel level, std::string_view event) {
  // Debug, informational, warning, error: syslog(3).
  constexpr std::array<std::string_view, kNLogLevels> kPriorities{"<7>", "<6>", "<4>", "<3>"};
  const std::string_view name = name_of(level);
  switch (format) {
    case LogFormat::kJournal:
      return std::string(kPriorities[static_cast<std::size_t>(level)]).append(event);
    case LogFormat::kJson:
      return "{\"ts\":\"" + time_text(wall_ns) + "\",\"level\":\"" + std::string(name) + "\"," + std::string(event) +
             "}";
    case LogFormat::kHuman:
      break;
  }
  std::string padded(name);
  padded.resize(7, ' ');
  return time_text(wall_ns) + " " + padded + " " + std::string(event);
}

}  // namespace melstream::daemon
