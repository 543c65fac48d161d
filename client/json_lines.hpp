// A subscription's responses as JSON, one object a line: what `subscribe --json` prints and an X.jsonl holds.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "melstream/v1/feature_service.pb.h"

namespace melstream::client {

/// What a block's line has besides its description.
struct BlockJsonOptions {
  bool values = true;
  /// The CRC-32 (zlib.crc32 of Python) of each frame's values as float32, little-endian: equal wherever the frames are.
  bool crc = false;
};

/// Keys are the names of the wire contract. Of a block: type, stream, epoch (a string: it has 64 bits), first_frame,
/// frame_count, first_sample, capture_time_ns, received_time_ns, block_max, running_max, rms_dbfs, peak_dbfs,
/// concealed_share, flags (a sum of BlockFlag values), resume_token (hex), frame_crc32 ([frame]), values
/// ([frame][bin]). The other types are start, gap, discontinuity, heartbeat, end and failure; gap, discontinuity and
/// end have a reason, failure (of many streams: that one is not followed further) a code and a message.
/// @param values of a block, decoded, [frame_count][bins]; else empty.
std::string response_json(const v1::SubscribeResponse& response, std::span<const float> values,
                          const BlockJsonOptions& options = {});

}  // namespace melstream::client
