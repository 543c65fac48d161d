// From the options of `subscribe` to its request.
#pragma once

#include "melstream/v1/feature_service.pb.h"

#include "client/commands.hpp"

namespace melstream::client {

/// "live", "frame:N" or "back:SECONDS". Throws ClientError(kUsage).
void set_start(const std::string& text, v1::SubscribeConfig& config);
/// "drop_oldest", "disconnect" or "block". Throws ClientError(kUsage).
v1::SlowPolicy parse_slow_policy(const std::string& text);
/// Throws ClientError(kUsage) for normalizations that need a whole window, naming the commands that have them.
void refuse_window_normalization(v1::Normalization normalization);

}  // namespace melstream::client
