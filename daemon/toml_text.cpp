// Follows the four kinds of strings and the comments of TOML 1.0; what it takes for a string up to the first error of
// the file, so does toml++.
#include "daemon/toml_text.hpp"

#include <algorithm>
#include <cstddef>

namespace melstream::daemon {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

/// Length of the run of `quote` at `at`.
std::size_t quotes_at(std::string_view text, std::size_t at, char quote) {
  const std::size_t end = std::min(text.find_first_not_of(quote, at), text.size());
  return end - at;
}

/// End of the string that begins at the quote at `begin`: past its closing quotes, or at the end of the line (of the
/// text, for three quotes) if it is never closed.
std::size_t end_of_string(std::string_view text, std::size_t begin) {
  const char quote = text[begin];
  const std::size_t n_quotes = quotes_at(text, begin, quote);
  const bool is_multi_line = n_quotes >= 3;
  if (n_quotes == 2) return begin + 2;
  std::size_t at = begin + (is_multi_line ? 3 : 1);
  while (at < text.size()) {
    const char c = text[at];
    if (c == '\\' && quote == '"') {
      at += 2;
    } else if (c == quote && !is_multi_line) {
      return at + 1;
    } else if (c == quote) {
      // Up to two quotes may belong to the text before the three that close it.
      const std::size_t n = std::min<std::size_t>(quotes_at(text, at, quote), 5);
      at += n;
      if (n >= 3) return at;
    } else if (c == '\n' && !is_multi_line) {
      return at;
    } else {
      ++at;
    }
  }
  return text.size();
}

Position position_at(std::string_view text, std::size_t at) {
  Position position{1, 1};
  for (const char c : text.substr(0, at)) {
    if (c == '\n') {
      ++position.line;
      position.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xc0U) != 0x80U) {  // not the continuation of a character
      ++position.column;
    }
  }
  return position;
}

}  // namespace

std::optional<Position> first_stray_character(std::string_view text) {
  std::size_t at = text.substr(0, kByteOrderMark.size()) == kByteOrderMark ? kByteOrderMark.size() : 0;
  while (at < text.size()) {
    const char c = text[at];
    if (static_cast<unsigned char>(c) >= 0x80) return position_at(text, at);
    if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
    } else if (c == '"' || c == '\'') {
      at = end_of_string(text, at);
    } else {
      ++at;
    }
  }
  return std::nullopt;
}

}  // namespace melstream::daemon
