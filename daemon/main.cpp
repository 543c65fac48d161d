// melstreamd: what the command line asks for, and the exit status. Main thread.
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "melstream/access/tokens.hpp"
#include "melstream/audio/mic/microphones.hpp"
#include "melstream/core/error.hpp"
#include "melstream/engine/cpu/cpu_engine.hpp"

#include "daemon/access_files.hpp"
#include "daemon/available_memory.hpp"
#include "daemon/command_line.hpp"
#include "daemon/config.hpp"
#include "daemon/config_reader.hpp"
#include "daemon/devices.hpp"
#include "daemon/diagnostics.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/loader_settings.hpp"
#include "daemon/log.hpp"
#include "daemon/plan.hpp"
#include "daemon/run.hpp"
#include "daemon/version.hpp"

namespace melstream::daemon {
namespace {

constexpr const char* kDefaultConfig = "/etc/melstream/melstream.toml";

/// The file that is read; empty if it is the defaults.
std::string config_path(const CommandLine& command) {
  if (!command.config.empty()) return command.config;
  std::error_code ignored;
  return std::filesystem::exists(kDefaultConfig, ignored) ? kDefaultConfig : "";
}

Config effective_config(const CommandLine& command) {
  const Surroundings surroundings{default_socket(std::getenv("XDG_RUNTIME_DIR")), engine::cpu::targets()};
  const std::string path = config_path(command);
  Config config = path.empty() ? parse_config("", "(defaults)", surroundings) : load_config(path, surroundings);
  if (command.log_level) config.log.level = *command.log_level;
  config.server.take_over_s = command.take_over_s;
  if (command.log_format) config.log.format = *command.log_format;
  return config;
}

ExitCode check_config(const CommandLine& command, const Config& config) {
  const std::string path = config_path(command);
  const std::string shown = path.empty() ? "the defaults" : path;
  try {
    const Plan plan = make_plan(config, make_catalog(config), available_memory_bytes(), lockable_memory_bytes());
    static_cast<void>(access_rules(config));
    static_cast<void>(tls_certificates(config));
    std::cout << "config: " << shown << ": good\n" << to_text(plan);
    return ExitCode::kOk;
  } catch (const AccessFileError& error) {
    std::cerr << shown << ": error: " << error.what() << "\n";
    return error.exit_code();
  } catch (const core::Error& error) {
    std::cerr << shown << ": error: " << error.what() << "\n";
    return ExitCode::kConfig;
  }
}

int to_int(ExitCode exit_code) { return static_cast<int>(exit_code); }

int execute(const CommandLine& command) {
  if (command.version) {
    std::cout << describe_version();
    return to_int(ExitCode::kOk);
  }
  if (command.list_targets) {
    for (const std::string& target : engine::cpu::targets()) std::cout << target << "\n";
    return to_int(ExitCode::kOk);
  }
  if (command.make_token) {
    std::cout << access::make_token() << "\n";
    return to_int(ExitCode::kOk);
  }
  if (command.probe_devices) audio::run_portaudio_probe();
  if (command.list_devices) {
    std::cout << list_devices();
    return to_int(ExitCode::kOk);
  }
  const Config config = effective_config(command);
  if (command.check_config) return to_int(check_config(command, config));
  if (command.print_config) {
    std::cout << to_toml(config);
    return to_int(ExitCode::kOk);
  }
  use_loader_settings();
  Log log(parse_log_level(config.log.level), parse_log_format(config.log.format));
  return to_int(run(
      config, [&command] { return effective_config(command); }, log));
}

}  // namespace
}  // namespace melstream::daemon

int main(int argc, char** argv) {
  using namespace melstream::daemon;  // NOLINT(google-build-using-namespace): the file's own namespace
  secure_standard_descriptors();
  try {
    const auto parsed = parse_command_line(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
    if (const auto* end = std::get_if<EarlyEnd>(&parsed)) {
      (end->exit_code == ExitCode::kOk ? std::cout : std::cerr) << end->text;
      return static_cast<int>(end->exit_code);
    }
    return execute(std::get<CommandLine>(parsed));
  } catch (const ConfigError& error) {
    std::cerr << error.what();
    return static_cast<int>(error.exit_code());
  } catch (const std::exception& error) {
    std::cerr << "melstreamd: " << error.what() << "\n";
    return static_cast<int>(ExitCode::kInternal);
  }
}
