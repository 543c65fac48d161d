// A stream as lists and watches show it.
#pragma once

#include <string>

#include "melstream/v1/feature_service.pb.h"

namespace melstream::client {

/// "live", "ended" or "forgotten".
const char* state_name(v1::StreamState state) noexcept;
/// {"room": "kitchen"}
std::string labels_json(const v1::StreamInfo& info);
std::string stream_json(const v1::StreamInfo& info);

}  // namespace melstream::client
