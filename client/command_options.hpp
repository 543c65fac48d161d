// Options that several commands have in common. Who includes this includes CLI11: command_line.cpp and files
// *_options.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "client/commands.hpp"

namespace melstream::client {

/// What the chosen command will do.
using Action = std::function<ExitCode()>;

/// CLI11's own check for positive numbers prints its limits with 310 digits.
inline const CLI::Range kPositive(std::int64_t{1}, std::int64_t{1'000'000'000'000}, "1 or more");

/// Written as numpy does; any other name would mislead who opens the file.
inline const CLI::Validator kNpyFile(
    [](const std::string& path) {
      const bool is_npy = path.size() > 4 && path.compare(path.size() - 4, 4, ".npy") == 0;
      return is_npy ? std::string() : "'" + path + "': use a name that ends in .npy";
    },
    "");

// The options are written to when the command line is parsed, so they outlive the command.
void add_server(CLI::App& command, CommonOptions& options);
void add_common(CLI::App& command, CommonOptions& options);
void add_features(CLI::App& command, FeatureOptions& options, bool window);
void add_front_end(CLI::App& command, FeatureOptions& options, const char* standard);
void add_front_end_name(CLI::App& command, std::string& front_end);
void add_input(CLI::App& command, InputOptions& options, const char* channels);
/// Which streams, from where on, in which blocks: of `subscribe` and `record`.
void add_subscription(CLI::App& command, SubscribeOptions& options);
void add_labels(CLI::App& command, std::vector<std::string>& labels);

}  // namespace melstream::client
