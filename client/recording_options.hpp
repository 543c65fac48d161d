// The commands `record` and `play` with their options.
#pragma once

#include "client/command_options.hpp"

namespace melstream::client {

// The options are written to when the command line is parsed, so they outlive the command.
void add_record(CLI::App& app, SubscribeOptions& options, Action& action);
void add_play(CLI::App& app, PlayOptions& options, Action& action);

}  // namespace melstream::client
