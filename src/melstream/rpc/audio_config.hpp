// An AudioConfig checked: the format that its bytes have, and the streams that they become.
#pragma once

#include <functional>
#include <vector>

#include "melstream/core/pcm.hpp"
#include "melstream/pipeline/stream.hpp"
#include "melstream/v1/audio_service.pb.h"

namespace melstream::rpc {

struct AudioChoice {
  core::PcmFormat format;
  std::vector<pipeline::StreamOptions> streams;  ///< format.n_feeds() of them, without on_takeover
  bool takeover = false;
  bool fast = false;
};

/// @param resampler_delay_ns by source rate. Throws Error(kInvalidArgument, field).
AudioChoice choose_audio(const v1::AudioConfig& config, const std::function<std::int64_t(int)>& resampler_delay_ns);

}  // namespace melstream::rpc
