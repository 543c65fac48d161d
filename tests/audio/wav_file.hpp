// Reads the WAV files of the golden data as they are stored: PCM_16 or mu-law bytes, any number of channels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/core/pcm.hpp"

namespace melstream::test {

struct WavFile {
  core::PcmFormat format;
  std::vector<std::byte> bytes;  ///< interleaved samples
};

/// @param name under tests/golden/audio. A missing or unknown file is a test failure and comes back empty.
inline WavFile read_golden_wav(const std::string& name) {
  std::ifstream file(std::string(MELSTREAM_GOLDEN_DIR "/audio/") + name, std::ios::binary);
  const std::vector<char> all{std::istreambuf_iterator<char>(file), {}};
  const auto number = [&all](std::size_t at, std::size_t n_bytes) {
    std::uint32_t value = 0;
    std::memcpy(&value, all.data() + at, n_bytes);  // little-endian, as the tests' machine
    return value;
  };
  WavFile wav;
  for (std::size_t at = 12; at + 8 <= all.size();) {
    const std::string id(all.data() + at, 4);
    const std::size_t size = number(at + 4, 4);
    at += 8;
    if (at + size > all.size()) break;
    if (id == "fmt ") {
      const std::uint32_t tag = number(at, 2);
      EXPECT_TRUE(tag == 1 || tag == 7) << name;
      wav.format.encoding = tag == 7 ? core::PcmEncoding::kMulaw : core::PcmEncoding::kLinear16;
      wav.format.n_channels = static_cast<int>(number(at + 2, 2));
      wav.format.sample_rate_hz = static_cast<int>(number(at + 4, 4));
    } else if (id == "data") {
      wav.bytes.resize(size);
      std::memcpy(wav.bytes.data(), all.data() + at, size);
    }
    at += size + size % 2;
  }
  EXPECT_FALSE(wav.bytes.empty()) << name;
  return wav;
}

/// The samples of a PCM_16 file, x / 32768; channels interleaved.
inline std::vector<float> pcm16_samples(const WavFile& wav) {
  std::vector<float> samples(wav.bytes.size() / 2);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    std::int16_t value = 0;
    std::memcpy(&value, wav.bytes.data() + 2 * i, 2);
    samples[i] = static_cast<float>(value / 32768.0);
  }
  return samples;
}

}  // namespace melstream::test
