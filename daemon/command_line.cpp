// The only file that includes CLI11.
#include "daemon/command_line.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <CLI/CLI.hpp>

#include "melstream/core/nearest.hpp"

#include "daemon/config_keys.hpp"
#include "daemon/devices.hpp"

namespace melstream::daemon {
namespace {

/// For an option that does not exist: the one that was likely meant.
std::string hint_for(const CLI::App& app) {
  const auto extras = app.remaining();
  if (extras.empty() || !extras.front().starts_with("--")) return {};
  const std::string given = extras.front().substr(2, extras.front().find('=') - 2);
  std::vector<std::string_view> names;
  for (const auto* option : app.get_options())
    names.insert(names.end(), option->get_lnames().begin(), option->get_lnames().end());
  const std::string_view nearest = core::nearest_name(given, names);
  return nearest.empty() ? std::string{} : " (did you mean '--" + std::string(nearest) + "'?)";
}

std::vector<std::string> words(std::span<const std::string_view> views) { return {views.begin(), views.end()}; }

constexpr const char* kFooter =
    "Without --config: /etc/melstream/melstream.toml if it exists, else the defaults (--print-config shows them).\n"
    "SIGHUP reads the config again: limits, access, certificates, log level and sources change at once.\n"
    "SIGTERM and SIGINT drain: no new streams, subscribers read to their end. A second one stops at once.\n"
    "SIGUSR2 retires: the addresses are given free for another melstreamd, streams that run go on to their end.\n"
    "Exit status: 0 stopped, 64 usage, 66 config file missing, 69 engine unavailable, 70 internal error,\n"
    "71 cannot listen, 75 drain timed out, 77 permission, 78 config.";

}  // namespace

std::variant<CommandLine, EarlyEnd> parse_command_line(std::vector<std::string> arguments) {
  CommandLine command;
  CLI::App app("melstreamd: computes exact log-mel features of live audio and streams them to subscribers.",
               "melstreamd");
  app.footer(kFooter);
  app.add_option("--config", command.config, "Config file (TOML)")->type_name("FILE");
  auto* const check = app.add_flag("--check-config", command.check_config,
                                   "Check the config, print all errors or the memory plan, and exit");
  app.add_option(
         "--take-over", command.take_over_s,
         "Wait up to so many seconds for addresses that another melstreamd still uses; SIGUSR2 to that one makes "
         "it give them free")
      ->check(CLI::Range(0.0, 3600.0))
      ->type_name("SECONDS");
  app.add_flag("--print-config", command.print_config, "Print the config in effect as TOML, and exit")->excludes(check);
  app.add_flag("--list-targets", command.list_targets,
               "Print the CPU engine's instruction targets, best first, and exit");
  app.add_flag("--list-devices", command.list_devices, "Print the devices that mic: can name, and exit");
  app.add_flag("--make-token", command.make_token, "Print a new bearer token for the file of auth.tokens, and exit");
  app.add_flag(kProbeDevices, command.probe_devices)->group("");  // hidden: for itself
  app.add_flag("--version", command.version, "Print version, commit, compiler and libraries, and exit");
  app.add_option("--log-level", command.log_level, "Overrides log.level")->check(CLI::IsMember(words(kLogLevels)));
  app.add_option("--log-format", command.log_format, "Overrides log.format")->check(CLI::IsMember(words(kLogFormats)));
  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    return EarlyEnd{ExitCode::kOk, app.help()};
  } catch (const CLI::ParseError& error) {
    return EarlyEnd{ExitCode::kUsage, std::string("melstreamd: ") + error.what() + hint_for(app) + " (try --help)\n"};
  }
  if (app.count("--config") > 0 && command.config.empty()) {
    return EarlyEnd{ExitCode::kUsage, "melstreamd: --config: the file name is empty (try --help)\n"};
  }
  return command;
}

}  // namespace melstream::daemon
