// Parses a config and hands back what is wrong with it, as the user would read it.
#pragma once

#include <string>
#include <string_view>

#include "daemon/config_reader.hpp"
#include "daemon/exit_codes.hpp"

namespace melstream::daemon {

inline Surroundings test_surroundings() { return {"/run/user/7/melstream.sock", {"avx2", "sse4"}}; }

struct Outcome {
  std::string errors;  ///< empty: the config is good
  ExitCode exit_code = ExitCode::kOk;
};

inline Outcome outcome_of(std::string_view text) {
  try {
    static_cast<void>(parse_config(text, "m.toml", test_surroundings()));
    return {};
  } catch (const ConfigError& error) {
    return {error.what(), error.exit_code()};
  }
}

inline std::string errors_of(std::string_view text) { return outcome_of(text).errors; }

inline Config good(std::string_view text) { return parse_config(text, "m.toml", test_surroundings()); }

}  // namespace melstream::daemon
