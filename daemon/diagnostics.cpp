// Rendering of diagnostics. Pure; any thread.
#include "daemon/diagnostics.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace melstream::daemon {
namespace {

/// Line number `line` (from 1) without its end; empty past the last.
std::string_view line_of(std::string_view text, int line) {
  for (int n = 1; n < line; ++n) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return text;
}

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; }

/// The characters of a UTF-8 line, control characters as blanks so that the caret stays under its column.
std::vector<std::string> characters_of(std::string_view line) {
  std::vector<std::string> characters;
  for (const char c : line) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (continues_character(c) && !characters.empty()) {
      characters.back() += c;
    } else {
      characters.emplace_back(1, control ? ' ' : c);
    }
  }
  return characters;
}

/// Source line and caret; of a long line (CMVN vectors) only the part around the column.
std::string excerpt(std::string_view line, int column) {
  constexpr std::size_t kShown = 100;
  constexpr std::size_t kBefore = 60;
  const std::vector<std::string> characters = characters_of(line);
  const std::size_t caret = std::min(static_cast<std::size_t>(std::max(column, 1)) - 1, characters.size());
  const std::size_t first = caret < kShown ? 0 : caret - kBefore;
  const std::size_t last = std::min(characters.size(), first + kShown);
  std::string shown = first > 0 ? "..." : "";
  const std::size_t indent = shown.size() + caret - first;
  for (std::size_t i = first; i < last; ++i) shown += characters[i];
  if (last < characters.size()) shown += "...";
  return "    " + shown + "\n    " + std::string(indent, ' ') + "^\n";
}

std::string render_all(std::vector<Diagnostic>& diagnostics, std::string_view file, std::string_view text) {
  std::stable_sort(diagnostics.begin(), diagnostics.end(),
                   [](const Diagnostic& a, const Diagnostic& b) { return a.at < b.at; });
  std::string rendered;
  for (const Diagnostic& diagnostic : diagnostics) rendered += render(diagnostic, file, text);
  return rendered;
}

ExitCode common_exit_code(const std::vector<Diagnostic>& diagnostics) {
  const bool agree = std::all_of(diagnostics.begin(), diagnostics.end(),
                                 [&](const Diagnostic& d) { return d.exit_code == diagnostics.front().exit_code; });
  return agree && !diagnostics.empty() ? diagnostics.front().exit_code : ExitCode::kConfig;
}

}  // namespace

std::string render(const Diagnostic& diagnostic, std::string_view file, std::string_view text) {
  const Position at = diagnostic.at;
  std::string rendered(file);
  if (at.line > 0) rendered.append(":").append(std::to_string(at.line)).append(":").append(std::to_string(at.column));
  rendered += ": error: " + diagnostic.message + "\n";
  if (at.line > 0) rendered += excerpt(line_of(text, at.line), at.column);
  return rendered;
}

ConfigError::ConfigError(std::vector<Diagnostic> diagnostics, std::string_view file, std::string_view text)
    : Error(core::ErrorCode::kInvalidArgument, render_all(diagnostics, file, text)),
      exit_code_(common_exit_code(diagnostics)) {}

ConfigError::ConfigError(ExitCode exit_code, std::string_view file, const std::string& message)
    : Error(core::ErrorCode::kInvalidArgument, render({{}, message, exit_code}, file, {})), exit_code_(exit_code) {}

}  // namespace melstream::daemon
