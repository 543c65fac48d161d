// From TOML text to a checked Config: everything that is wrong is found in one pass. Control threads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "melstream/engine/front_end.hpp"

#include "daemon/config.hpp"
#include "daemon/diagnostics.hpp"

namespace melstream::daemon {

/// What the machine and the session decide.
struct Surroundings {
  std::string socket;                     ///< where the config names none
  std::vector<std::string> simd_targets;  ///< of engine::cpu::targets()
};

/// @param file its name, for messages. Throws ConfigError.
Config parse_config(std::string_view text, std::string_view file, const Surroundings& surroundings);

/// Reads and parses the file. Throws ConfigError: kInput if it is missing or no file, kPermission if it is unreadable.
Config load_config(const std::string& path, const Surroundings& surroundings);

/// The built-in front ends and those of the config.
engine::FrontEndCatalog make_catalog(const Config& config);

}  // namespace melstream::daemon
