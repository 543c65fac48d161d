// Sources: G.711 (ITU-T, 1988) for the codes; formants of vowels from Peterson and Barney (1952), rounded.
#include "client/load/speech.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numbers>
#include <random>

namespace melstream::client {
namespace {

constexpr double kSyllableSeconds = 0.22;
constexpr double kPauseShare = 0.3;  ///< of the syllables: silence, with the noise of a room

struct Vowel {
  std::array<double, 3> formants_hz;
};
constexpr std::array<Vowel, 5> kVowels = {
    {{{730, 1090, 2440}}, {{530, 1840, 2480}}, {{270, 2290, 3010}}, {{570, 840, 2410}}, {{300, 870, 2240}}}};

/// A resonance: y[n] = g x[n] + b y[n-1] + c y[n-2].
class Resonator {
 public:
  Resonator(double frequency_hz, double bandwidth_hz, double rate_hz) {
    const double radius = std::exp(-std::numbers::pi * bandwidth_hz / rate_hz);
    b_ = 2 * radius * std::cos(2 * std::numbers::pi * frequency_hz / rate_hz);
    c_ = -radius * radius;
    gain_ = 1 - radius;
  }
  double next(double x) {
    const double y = gain_ * x + b_ * first_ + c_ * second_;
    second_ = first_;
    first_ = y;
    return y;
  }

 private:
  double b_;
  double c_;
  double gain_;
  double first_ = 0;
  double second_ = 0;
};

std::uint8_t mulaw_code(int sample) {
  constexpr int kBias = 132;
  constexpr int kClip = 32635;
  const int sign = sample < 0 ? 0x80 : 0;
  const int magnitude = std::min(std::abs(sample), kClip) + kBias;
  const int exponent = static_cast<int>(std::bit_width(static_cast<unsigned>(magnitude))) - 8;
  return static_cast<std::uint8_t>(~(sign | exponent << 4 | ((magnitude >> (exponent + 3)) & 0xF)));
}

std::uint8_t alaw_code(int sample) {
  // 13 bits; negative values count from -1, so that 0 and -1 have a code each.
  const int sign = sample < 0 ? 0 : 0x80;
  const int magnitude = (sample < 0 ? ~sample : sample) >> 3;
  const int width = static_cast<int>(std::bit_width(static_cast<unsigned>(magnitude)));
  const int exponent = std::max(0, width - 5);
  const int mantissa = (magnitude >> std::max(1, exponent)) & 0xF;
  return static_cast<std::uint8_t>((sign | exponent << 4 | mantissa) ^ 0x55);
}

void append_little_endian(std::uint32_t value, int n_bytes, std::string& out) {
  for (int i = 0; i < n_bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
}

std::uint32_t linear(float sample, double full_scale) {
  const double scaled = std::clamp(std::round(sample * full_scale), -full_scale, full_scale - 1);
  return static_cast<std::uint32_t>(static_cast<std::int64_t>(scaled));
}

}  // namespace

std::vector<float> make_speech(int rate_hz, std::int64_t n_samples) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> unit(0, 1);
  std::normal_distribution<double> noise(0, 1);
  const auto per_syllable = std::max<std::int64_t>(1, static_cast<std::int64_t>(kSyllableSeconds * rate_hz));
  std::vector<float> samples(static_cast<std::size_t>(n_samples));
  for (std::int64_t begin = 0; begin < n_samples; begin += per_syllable) {
    const std::int64_t n = std::min(per_syllable, n_samples - begin);
    const bool pause = unit(random) < kPauseShare;
    const Vowel& vowel = kVowels[random() % kVowels.size()];
    const double pitch_hz = 100 + 120 * unit(random);
    std::array<Resonator, 3> tract = {{{vowel.formants_hz[0], 90, static_cast<double>(rate_hz)},
                                       {vowel.formants_hz[1], 110, static_cast<double>(rate_hz)},
                                       {vowel.formants_hz[2], 170, static_cast<double>(rate_hz)}}};
    double phase = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const double at = static_cast<double>(i) / static_cast<double>(n);
      // Both ends are quiet, so that syllables, and the end and the beginning, fit.
      const double loudness = pause ? 0 : std::sin(std::numbers::pi * at);
      phase += pitch_hz / rate_hz;
      const bool pulse = phase >= 1;
      if (pulse) phase -= 1;
      const double breath = noise(random);
      double voice = 0;
      for (Resonator& formant : tract) voice += formant.next((pulse ? 8.0 : 0.0) + 0.05 * breath);
      const double hiss = at < 0.15 ? 0.05 * breath : 0;
      const double room = 0.0005 * breath;
      samples[static_cast<std::size_t>(begin + i)] =
          static_cast<float>(std::clamp(loudness * (0.5 * voice + hiss) + room, -0.99, 0.99));
    }
  }
  return samples;
}

std::string encode_samples(std::span<const float> samples, Encoding encoding) {
  std::string bytes;
  bytes.reserve(samples.size() * AudioFormat{.encoding = encoding}.bytes_per_sample());
  for (const float sample : samples) {
    switch (encoding) {
      case Encoding::kS16:
        append_little_endian(linear(sample, 0x1p15), 2, bytes);
        break;
      case Encoding::kS24:
        append_little_endian(linear(sample, 0x1p23), 3, bytes);
        break;
      case Encoding::kS32:
        append_little_endian(linear(sample, 0x1p31), 4, bytes);
        break;
      case Encoding::kF32:
        append_little_endian(std::bit_cast<std::uint32_t>(sample), 4, bytes);
        break;
      case Encoding::kMulaw:
        bytes.push_back(static_cast<char>(mulaw_code(static_cast<std::int16_t>(linear(sample, 0x1p15)))));
        break;
      case Encoding::kAlaw:
        bytes.push_back(static_cast<char>(alaw_code(static_cast<std::int16_t>(linear(sample, 0x1p15)))));
        break;
    }
  }
  return bytes;
}

}  // namespace melstream::client
