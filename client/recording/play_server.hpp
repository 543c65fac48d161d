// Serves a recording as a daemon would: other clients subscribe to it, see `melstream play --listen`.
#pragma once

#include "melstream/v1/recording.pb.h"

#include "client/commands.hpp"
#include "client/interrupt.hpp"

namespace melstream::client {

/// Until the user stops it. Each Subscribe gets the recording from its beginning, in the time it was recorded in (or as
/// fast as it can, with --pace fast); ListStreams, ListFrontEnds and GetServerInfo tell of it; other calls are
/// UNIMPLEMENTED. Throws ClientError(kUsage, kUnavailable) for an address.
ExitCode serve_recording(const PlayOptions& options, const v1::RecordingHeader& header, Interrupt& interrupt);

}  // namespace melstream::client
