#include "melstream/audio/pcm_decode.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>

namespace melstream::audio {
namespace {

constexpr float kScale16 = 1.0F / 32768.0F;
constexpr float kScale24 = 1.0F / 8388608.0F;
constexpr float kScale32 = 1.0F / 2147483648.0F;

constexpr std::uint32_t byte_at(const std::byte* bytes, int i) { return std::to_integer<std::uint32_t>(bytes[i]); }

std::uint32_t word_at(const std::byte* bytes) {
  return byte_at(bytes, 0) | byte_at(bytes, 1) << 8 | byte_at(bytes, 2) << 16 | byte_at(bytes, 3) << 24;
}

/// mu-law: bits inverted; sign, 3 bits of segment, 4 of step. Value (2m + 33) 2^s - 33 in 14 bits, here in 16.
constexpr int expand_mulaw(unsigned code) {
  const unsigned bits = ~code & 0xFFU;
  const int segment = static_cast<int>(bits >> 4 & 7U);
  const int magnitude = (((2 * static_cast<int>(bits & 15U) + 33) << segment) - 33) * 4;
  return (bits & 0x80U) != 0 ? -magnitude : magnitude;
}

/// A-law: even bits inverted; sign (1 is positive), segment, step. 13 bits, here in 16; segment 0 is as steep as 1.
constexpr int expand_alaw(unsigned code) {
  const unsigned bits = code ^ 0x55U;
  const int segment = static_cast<int>(bits >> 4 & 7U);
  const int step = 2 * static_cast<int>(bits & 15U) + 1;
  const int magnitude = (segment == 0 ? step : (step + 32) << (segment - 1)) * 8;
  return (bits & 0x80U) != 0 ? magnitude : -magnitude;
}

template <int (*kExpand)(unsigned)>
constexpr std::array<float, 256> expansion_table() {
  std::array<float, 256> table{};
  for (unsigned code = 0; code < 256; ++code) table[code] = static_cast<float>(kExpand(code)) * kScale16;
  return table;
}

constexpr std::array<float, 256> kMulaw = expansion_table<expand_mulaw>();
constexpr std::array<float, 256> kAlaw = expansion_table<expand_alaw>();

void decode_linear16(const std::byte* bytes, std::span<float> samples) noexcept {
  for (float& sample : samples) {
    const auto value = static_cast<std::int16_t>(byte_at(bytes, 0) | byte_at(bytes, 1) << 8);
    sample = static_cast<float>(value) * kScale16;
    bytes += 2;
  }
}

void decode_linear24(const std::byte* bytes, std::span<float> samples) noexcept {
  for (float& sample : samples) {
    // In the upper three bytes first, so that the shift back extends the sign.
    const std::uint32_t upper = byte_at(bytes, 0) << 8 | byte_at(bytes, 1) << 16 | byte_at(bytes, 2) << 24;
    sample = static_cast<float>(static_cast<std::int32_t>(upper) >> 8) * kScale24;
    bytes += 3;
  }
}

void decode_linear32(const std::byte* bytes, std::span<float> samples) noexcept {
  for (float& sample : samples) {
    sample = static_cast<float>(static_cast<std::int32_t>(word_at(bytes))) * kScale32;
    bytes += 4;
  }
}

std::int64_t decode_float32(const std::byte* bytes, std::span<float> samples) noexcept {
  std::int64_t n_nonfinite = 0;
  for (float& sample : samples) {
    const float value = std::bit_cast<float>(word_at(bytes));
    const bool finite = std::isfinite(value);
    sample = finite ? value : 0.0F;
    n_nonfinite += finite ? 0 : 1;
    bytes += 4;
  }
  return n_nonfinite;
}

void decode_companded(const std::array<float, 256>& table, const std::byte* bytes, std::span<float> samples) noexcept {
  for (float& sample : samples) sample = table[std::to_integer<std::size_t>(*bytes++)];
}

}  // namespace

std::int64_t decode(core::PcmEncoding encoding, std::span<const std::byte> bytes, std::span<float> samples) noexcept {
  assert(bytes.size() == samples.size() * core::bytes_per_sample(encoding));
  switch (encoding) {
    case core::PcmEncoding::kLinear16:
      decode_linear16(bytes.data(), samples);
      break;
    case core::PcmEncoding::kLinear24:
      decode_linear24(bytes.data(), samples);
      break;
    case core::PcmEncoding::kLinear32:
      decode_linear32(bytes.data(), samples);
      break;
    case core::PcmEncoding::kFloat32:
      return decode_float32(bytes.data(), samples);
    case core::PcmEncoding::kMulaw:
      decode_companded(kMulaw, bytes.data(), samples);
      break;
    case core::PcmEncoding::kAlaw:
      decode_companded(kAlaw, bytes.data(), samples);
      break;
  }
  return 0;
}

void pick_channel(std::span<const float> interleaved, int n_channels, int channel, std::span<float> samples) noexcept {
  assert(interleaved.size() == samples.size() * static_cast<std::size_t>(n_channels));
  const float* from = interleaved.data() + channel;
  for (float& sample : samples) {
    sample = *from;
    from += n_channels;
  }
}

void mix_channels(std::span<const float> interleaved, int n_channels, std::span<float> samples) noexcept {
  assert(interleaved.size() == samples.size() * static_cast<std::size_t>(n_channels));
  if (n_channels == 1) {
    std::copy(interleaved.begin(), interleaved.end(), samples.begin());
    return;
  }
  const float* from = interleaved.data();
  for (float& sample : samples) {
    double sum = 0;
    for (int channel = 0; channel < n_channels; ++channel) sum += static_cast<double>(from[channel]);
    sample = static_cast<float>(sum / n_channels);
    from += n_channels;
  }
}

}  // namespace melstream::audio
