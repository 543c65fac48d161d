// Format of the samples that go to the daemon, as they lie in memory: interleaved, little-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace melstream::client {

enum class Encoding : std::uint8_t { kS16, kS24, kS32, kF32, kMulaw, kAlaw };

struct AudioFormat {
  Encoding encoding = Encoding::kS16;
  int rate_hz = 16000;
  int channels = 1;

  constexpr std::size_t bytes_per_sample() const noexcept {
    switch (encoding) {
      case Encoding::kS16:
        return 2;
      case Encoding::kS24:
        return 3;
      case Encoding::kMulaw:
      case Encoding::kAlaw:
        return 1;
      default:
        return 4;
    }
  }
  /// One sample of every channel.
  constexpr std::size_t bytes_per_step() const noexcept {
    return bytes_per_sample() * static_cast<std::size_t>(channels);
  }
};

/// "s16le", "s24le", "s32le", "f32le", "mulaw", "alaw". Throws ClientError(kUsage).
Encoding parse_encoding(std::string_view text);
const char* encoding_name(Encoding encoding) noexcept;

/// Byte that, repeated, is digital silence: 0, but for G.711 the code of the smallest positive value.
std::byte silence_byte(Encoding encoding) noexcept;

/// Largest number of samples a channel that one message may carry (audio_service.proto: 256,000 bytes).
std::int64_t largest_chunk(const AudioFormat& format) noexcept;

}  // namespace melstream::client
