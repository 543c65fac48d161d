// --stream, --labels and --all: which streams a command is about.
#pragma once

#include "melstream/v1/feature_service.pb.h"

#include "client/commands.hpp"

namespace melstream::client {

/// Throws ClientError(kUsage) unless exactly one of the three is given.
v1::StreamSelection make_selection(const StreamChoiceOptions& options);

}  // namespace melstream::client
