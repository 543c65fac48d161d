// PCM bytes to float32 samples, and interleaved channels to one. Pure functions; the caller owns all memory.
// Companded formats: ITU-T G.711 (11/88), tables 1a to 2b.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "melstream/core/nonblocking.hpp"
#include "melstream/core/pcm.hpp"

namespace melstream::audio {

/// Integers become x / 2^(bits-1): exact for 8, 16 and 24 bits, rounded once for 32. MULAW and ALAW expand to 16 bits
/// first. FLOAT32 is taken as it is, but NaN and infinity become 0.
/// @param bytes samples.size() * bytes_per_sample(encoding) bytes, little-endian.
/// @return how many samples were not finite.
std::int64_t decode(core::PcmEncoding encoding, std::span<const std::byte> bytes,
                    std::span<float> samples) noexcept MELSTREAM_NONBLOCKING;

/// @param interleaved [samples.size()][n_channels]. @param channel 0..n_channels-1.
void pick_channel(std::span<const float> interleaved, int n_channels, int channel,
                  std::span<float> samples) noexcept MELSTREAM_NONBLOCKING;

/// The mean of all channels, summed in double and rounded once (for one channel: the channel).
/// @param interleaved [samples.size()][n_channels].
void mix_channels(std::span<const float> interleaved, int n_channels,
                  std::span<float> samples) noexcept MELSTREAM_NONBLOCKING;

}  // namespace melstream::audio
