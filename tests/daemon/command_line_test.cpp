// The command line, without a process.
#include "daemon/command_line.hpp"

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace melstream::daemon {
namespace {

using Arguments = std::vector<std::string>;

CommandLine good(Arguments arguments) { return std::get<CommandLine>(parse_command_line(std::move(arguments))); }
EarlyEnd ended(Arguments arguments) { return std::get<EarlyEnd>(parse_command_line(std::move(arguments))); }

TEST(CommandLine, NoArgumentsServeWithTheDefaultConfig) {
  const CommandLine command = good({});
  EXPECT_EQ(command.config, "");
  EXPECT_FALSE(command.check_config || command.print_config || command.version || command.list_targets);
  EXPECT_FALSE(command.log_level || command.log_format);
}

TEST(CommandLine, OptionsAreRead) {
  const CommandLine command =
      good({"--config", "a b.toml", "--check-config", "--log-level", "debug", "--log-format=json"});
  EXPECT_EQ(command.config, "a b.toml");
  EXPECT_TRUE(command.check_config);
  EXPECT_EQ(command.log_level, "debug");
  EXPECT_EQ(command.log_format, "json");
}

TEST(CommandLine, UsageErrorsNameTheArgument) {
  for (const Arguments& arguments : {Arguments{"--no-such"}, Arguments{"extra"}, Arguments{"--config"},
                                     Arguments{"--log-level", "loud"}, Arguments{"--config", ""}}) {
    const EarlyEnd end = ended(arguments);
    EXPECT_EQ(end.exit_code, ExitCode::kUsage) << arguments.back();
    EXPECT_EQ(end.text.rfind("melstreamd: ", 0), 0U) << end.text;
    EXPECT_NE(end.text.find(arguments.back()), std::string::npos) << end.text;
  }
  EXPECT_EQ(ended({"--check-config", "--print-config"}).exit_code, ExitCode::kUsage);
}

TEST(CommandLine, AMistypedOptionIsToldWithTheNearest) {
  EXPECT_EQ(
      ended({"--check"}).text,
      "melstreamd: The following argument was not expected: --check (did you mean '--check-config'?) (try --help)\n");
  EXPECT_NE(ended({"--confg=x.toml"}).text.find("'--config'"), std::string::npos);
  EXPECT_EQ(ended({"extra"}).text.find("did you mean"), std::string::npos);
}

TEST(CommandLine, HelpIsNoError) {
  const EarlyEnd end = ended({"--help"});
  EXPECT_EQ(end.exit_code, ExitCode::kOk);
  for (const char* option : {"--config", "--check-config", "--print-config", "--version", "--log-level"}) {
    EXPECT_NE(end.text.find(option), std::string::npos) << option;
  }
}

}  // namespace
}  // namespace melstream::daemon
