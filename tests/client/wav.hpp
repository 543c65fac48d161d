// WAV files written by hand, so that the tests do not trust the library that reads them.
#pragma once

#include <cstdint>
#include <string>

namespace melstream::client {

/// What a WAV header says.
struct WavHeader {
  int format = 1;  ///< 1 PCM, 3 float, 6 A-law, 7 mu-law
  int channels = 1;
  int rate_hz = 16000;
  int bits = 16;
};

inline std::string little_endian(std::uint64_t value, int n_bytes) {
  std::string bytes;
  for (int i = 0; i < n_bytes; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

/// @param claimed_bytes of samples in the header, where it shall lie; -1: as many as there are.
inline std::string wav(const WavHeader& header, const std::string& samples, std::int64_t claimed_bytes = -1) {
  const auto n =
      static_cast<std::uint64_t>(claimed_bytes < 0 ? static_cast<std::int64_t>(samples.size()) : claimed_bytes);
  const int step = header.channels * header.bits / 8;
  return "RIFF" + little_endian(36 + n, 4) + "WAVEfmt " + little_endian(16, 4) +
         little_endian(static_cast<std::uint64_t>(header.format), 2) +
         little_endian(static_cast<std::uint64_t>(header.channels), 2) +
         little_endian(static_cast<std::uint64_t>(header.rate_hz), 4) +
         little_endian(static_cast<std::uint64_t>(header.rate_hz) * static_cast<std::uint64_t>(step), 4) +
         little_endian(static_cast<std::uint64_t>(step), 2) +
         little_endian(static_cast<std::uint64_t>(header.bits), 2) + "data" + little_endian(n, 4) + samples;
}

}  // namespace melstream::client
