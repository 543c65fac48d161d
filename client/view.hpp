// A stream's spectrogram in the terminal, for `view` and `listen`.
#pragma once

#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/interrupt.hpp"

namespace melstream::client {

/// Shows options.stream, or the one that is live, until the user stops or options.until_end. Blocks. Throws
/// ClientError.
ExitCode view_stream(const ViewOptions& options, const Connection& connection, Interrupt& interrupt);

}  // namespace melstream::client
