// The table of the config's keys: section, name, type and range, where the value lies, how it is written back. It
// serves the reader, --print-config and the test that every key is documented.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config.hpp"
#include "daemon/diagnostics.hpp"
#include "daemon/toml_tree.hpp"

namespace melstream::daemon {

struct KeyRule {
  std::string_view section;
  std::string_view name;
  /// Stores the value, or adds what is wrong with it.
  std::function<void(const TomlValue&, Config&, std::vector<Diagnostic>&)> read;
  /// The value as TOML.
  std::function<std::string(const Config&)> write;
};

/// Grouped by section, in the order in which they are printed.
std::span<const KeyRule> key_rules();

inline constexpr std::string_view kLogLevels[] = {"debug", "info", "warning", "error"};
inline constexpr std::string_view kLogFormats[] = {"human", "json"};

/// "KEY = VALUE: expected ACCEPTED" at the value; long values are cut.
Diagnostic wrong_value(const std::string& key, const TomlValue& value, const std::string& accepted);
/// The known name that a mistyped one is nearest to, as " (did you mean 'NAME'?)"; empty if none is near.
std::string did_you_mean(std::string_view name, std::span<const std::string_view> known);

}  // namespace melstream::daemon
