// From the options of `subscribe` to its request.
#pragma once

#include <chrono>
#include <string>

#include "melstream/v1/feature_service.pb.h"

#include "client/commands.hpp"

namespace melstream::client {

/// All but the features. Throws ClientError(kUsage).
v1::SubscribeConfig make_subscribe_config(const SubscribeOptions& options);
/// The stream, or the streams, that the options name. Throws ClientError(kUsage) unless they do so in one way.
void set_streams(const SubscribeOptions& options, v1::SubscribeConfig& config);
/// "live", "frame:N" or "back:SECONDS". Throws ClientError(kUsage), also for a frame of many streams.
void set_start(const std::string& text, v1::SubscribeConfig& config);
/// Many streams, after `outage` without a daemon: those that nobody has a token of were opened meanwhile, and begin
/// with their first frame.
void start_after_outage(const std::string& start, std::chrono::nanoseconds outage, v1::SubscribeConfig& config);
/// "drop_oldest", "disconnect" or "block". Throws ClientError(kUsage).
v1::SlowPolicy parse_slow_policy(const std::string& text);
/// Throws ClientError(kUsage) for normalizations that need a whole window, naming the commands that have them.
void refuse_window_normalization(v1::Normalization normalization);

}  // namespace melstream::client
