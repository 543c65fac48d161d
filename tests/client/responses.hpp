// What a daemon may say to a subscription, for scripts and for tests of what reads it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "melstream/v1/feature_service.pb.h"

namespace melstream::client {

// Frames are [2] bins: {frame, -frame}. Those without a stream get the one asked for.
v1::SubscribeResponse start_response(std::int64_t first_frame, const std::string& stream = {}, std::uint64_t epoch = 0);
v1::SubscribeResponse block_response(std::int64_t first_frame, int n_frames);
v1::SubscribeResponse gap_response(std::int64_t first_frame, std::int64_t n_frames);
v1::SubscribeResponse discontinuity_response(std::int64_t next_frame);
v1::SubscribeResponse end_response(std::int64_t next_frame, v1::EndReason reason = v1::END_REASON_COMPLETED);
/// The same of a stream's life; a token too, where the response has one.
v1::SubscribeResponse of(const std::string& stream, std::uint64_t epoch, v1::SubscribeResponse response,
                         const std::string& token = {});
v1::SubscribeResponse batch_response(std::vector<v1::SubscribeResponse> responses);
v1::SubscribeResponse failure_response(const std::string& stream, int code, const std::string& message,
                                       const std::string& token = {});

}  // namespace melstream::client
