// An AudioConfig checked: the format that its bytes have, the streams that they become, and the sizes of chunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "melstream/core/pcm.hpp"
#include "melstream/pipeline/stream.hpp"
#include "melstream/v1/audio_service.pb.h"

namespace melstream::rpc {

struct AudioChoice {
  core::PcmFormat format;
  std::vector<pipeline::StreamOptions> streams;  ///< format.n_feeds() of them, without on_takeover
  core::Conceal conceal = core::Conceal::kNone;
  bool takeover = false;
  bool fast = false;
};

/// @param resampler_delay_ns by source rate. Throws Error(kInvalidArgument, field).
AudioChoice choose_audio(const v1::AudioConfig& config, const std::function<std::int64_t(int)>& resampler_delay_ns);

/// Bytes of one sample of all channels.
std::size_t sample_bytes(const core::PcmFormat& format) noexcept;
/// Bytes that are pushed at once: a quarter of the ring at most, so that the rest of it can be read meanwhile.
std::size_t slice_bytes(const core::PcmFormat& format, std::size_t ring_samples) noexcept;
/// Throws Error(kInvalidArgument) for a chunk that is too large or holds a part of a sample.
void check_chunk(std::size_t n_bytes, const core::PcmFormat& format);

}  // namespace melstream::rpc
