// The command line of `melstream`.
#pragma once

namespace melstream::client {

/// Parses, runs the command, prints what went wrong on stderr, and returns the exit code.
int run_command_line(int argc, char** argv);

}  // namespace melstream::client
