// A subscription's responses as JSON, one object a line: what `subscribe --json` prints and an X.jsonl holds.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "melstream/v1/feature_service.pb.h"

namespace melstream::client {

/// Keys of a block: type, stream, epoch (a string: it has 64 bits), first_frame, n_frames, first_sample, capture_ns,
/// received_ns, block_max, running_max, rms_dbfs, peak_dbfs, concealed_share, flags (a sum of BlockFlag values), values
/// ([frame][bin]). The other types are start, gap, discontinuity, heartbeat and end; gap, discontinuity and end have a
/// reason.
/// @param values of a block, decoded, [n_frames][bins]; else empty.
std::string response_json(const v1::SubscribeResponse& response, std::span<const float> values, int bins);

}  // namespace melstream::client
