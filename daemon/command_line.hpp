// The command line of melstreamd. Control threads.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/exit_codes.hpp"

namespace melstream::daemon {

struct CommandLine {
  std::string config;        ///< path; empty: the default one if it exists
  double take_over_s = 0.0;  ///< waits so long for addresses that another daemon still uses
  bool check_config = false;
  bool print_config = false;
  bool list_targets = false;
  bool list_devices = false;
  bool probe_devices = false;  ///< what the process is to do that lists devices for another
  bool make_token = false;
  bool version = false;
  std::optional<std::string> log_level;   ///< above the config
  std::optional<std::string> log_format;  ///< above the config
};

/// The process has nothing else to do than to print this and to end.
struct EarlyEnd {
  ExitCode exit_code = ExitCode::kOk;
  std::string text;  ///< for standard output if kOk, else for standard error
};

/// @param arguments without the program's name.
std::variant<CommandLine, EarlyEnd> parse_command_line(std::vector<std::string> arguments);

}  // namespace melstream::daemon
