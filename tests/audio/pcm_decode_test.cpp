// Each encoding against hand-computed values, G.711 against its definition and the golden expansion.
#include "melstream/audio/pcm_decode.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "tests/audio/wav_file.hpp"

namespace melstream::audio {
namespace {

using core::PcmEncoding;

std::vector<float> decoded(PcmEncoding encoding, const std::vector<int>& values, std::int64_t n_nonfinite = 0) {
  std::vector<std::byte> bytes(values.size());
  std::transform(values.begin(), values.end(), bytes.begin(), [](int value) { return static_cast<std::byte>(value); });
  std::vector<float> samples(bytes.size() / core::bytes_per_sample(encoding));
  EXPECT_EQ(decode(encoding, bytes, samples), n_nonfinite);
  return samples;
}

TEST(PcmDecode, Linear16IsExact) {
  EXPECT_EQ(decoded(PcmEncoding::kLinear16, {0x00, 0x00, 0x01, 0x00, 0xFF, 0xFF, 0xFF, 0x7F, 0x00, 0x80, 0x34, 0x12}),
            (std::vector<float>{0, 1 / 32768.0F, -1 / 32768.0F, 32767 / 32768.0F, -1, 4660 / 32768.0F}));
}

TEST(PcmDecode, Linear24IsExact) {
  EXPECT_EQ(decoded(PcmEncoding::kLinear24, {0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F,
                                             0x00, 0x00, 0x80, 0x56, 0x34, 0x12}),
            (std::vector<float>{0, 1 / 8388608.0F, -1 / 8388608.0F, 8388607 / 8388608.0F, -1, 1193046 / 8388608.0F}));
}

TEST(PcmDecode, Linear32IsRoundedOnce) {
  // 0x7FFFFFFF rounds up to 2^31; 0x01000001 = 2^24 + 1 lies between two floats and goes to the even one.
  EXPECT_EQ(decoded(PcmEncoding::kLinear32, {0x00, 0x00, 0x00, 0x80, 0xFF, 0xFF, 0xFF, 0x7F, 0x01, 0x00, 0x00, 0x01,
                                             0x03, 0x00, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF}),
            (std::vector<float>{-1, 1, 0x1p-7F, 0x1.000004p-7F, 0x1p-31F, -0x1p-31F}));
}

TEST(PcmDecode, Float32KeepsItsBitsAndReplacesNanAndInfinity) {
  const std::vector<float> values{0.1F,
                                  -2.5F,
                                  std::numeric_limits<float>::quiet_NaN(),
                                  std::numeric_limits<float>::infinity(),
                                  -std::numeric_limits<float>::infinity(),
                                  std::numeric_limits<float>::denorm_min(),
                                  -0.0F,
                                  std::numeric_limits<float>::max()};
  std::vector<std::byte> bytes(values.size() * 4);
  std::memcpy(bytes.data(), values.data(), bytes.size());
  std::vector<float> samples(values.size());
  EXPECT_EQ(decode(PcmEncoding::kFloat32, bytes, samples), 3);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float wanted = std::isfinite(values[i]) ? values[i] : 0.0F;
    EXPECT_EQ(std::bit_cast<std::uint32_t>(samples[i]), std::bit_cast<std::uint32_t>(wanted)) << i;
  }
}

TEST(PcmDecode, MulawFollowsTheDefinitionForEveryCode) {
  // G.711 table 2: codes with all bits inverted; the decision values' midpoints, in 14 bits, times 4.
  EXPECT_EQ(decoded(PcmEncoding::kMulaw, {0xFF, 0x7F, 0x80, 0x00, 0xFE, 0xEF}),
            (std::vector<float>{0, 0, 32124 / 32768.0F, -32124 / 32768.0F, 8 / 32768.0F, 132 / 32768.0F}));
  for (int code = 0; code < 256; ++code) {
    const int inverted = 255 - code;
    const double magnitude = (std::ldexp(2 * (inverted % 16) + 33, inverted / 16 % 8) - 33) * 4 / 32768;
    EXPECT_EQ(decoded(PcmEncoding::kMulaw, {code})[0], static_cast<float>(inverted >= 128 ? -magnitude : magnitude))
        << code;
  }
}

TEST(PcmDecode, AlawFollowsTheDefinitionForEveryCode) {
  // G.711 table 1: even bits inverted (0x55); 13 bits, times 8.
  EXPECT_EQ(decoded(PcmEncoding::kAlaw, {0xD5, 0x55, 0xAA, 0x2A, 0xD4, 0xC5}),
            (std::vector<float>{8 / 32768.0F, -8 / 32768.0F, 32256 / 32768.0F, -32256 / 32768.0F, 24 / 32768.0F,
                                264 / 32768.0F}));
  for (int code = 0; code < 256; ++code) {
    const int bits = code ^ 0x55;
    const int segment = bits / 16 % 8;
    const double step = bits % 16 + 0.5;
    const double magnitude = segment == 0 ? step * 16 : std::ldexp(step + 16, segment - 1) * 16;
    EXPECT_EQ(decoded(PcmEncoding::kAlaw, {code})[0],
              static_cast<float>((bits >= 128 ? magnitude : -magnitude) / 32768))
        << code;
  }
}

TEST(PcmDecode, MulawEqualsTheGoldenExpansion) {
  const auto coded = test::read_golden_wav("espeak_8k_mulaw.wav");
  const auto wanted = test::pcm16_samples(test::read_golden_wav("espeak_8k_mulaw_decoded.wav"));
  ASSERT_EQ(coded.format.encoding, PcmEncoding::kMulaw);
  std::vector<float> samples(coded.bytes.size());
  EXPECT_EQ(decode(PcmEncoding::kMulaw, coded.bytes, samples), 0);
  EXPECT_EQ(samples, wanted);
}

TEST(PcmChannels, PickTakesOneChannel) {
  const std::vector<float> interleaved{1, 10, 100, 2, 20, 200};
  std::vector<float> samples(2);
  pick_channel(interleaved, 3, 0, samples);
  EXPECT_EQ(samples, (std::vector<float>{1, 2}));
  pick_channel(interleaved, 3, 2, samples);
  EXPECT_EQ(samples, (std::vector<float>{100, 200}));
}

TEST(PcmChannels, MixIsTheMeanRoundedOnce) {
  std::vector<float> samples(2);
  mix_channels(std::vector<float>{0.25F, -0.75F, 1, 1}, 2, samples);
  EXPECT_EQ(samples, (std::vector<float>{-0.25F, 1}));
  // Summed in float, left to right, the small values would vanish beside 2^24.
  mix_channels(std::vector<float>{0x1p24F, 1, 1, -0x1p24F, 0.1F, 0.2F, 0.3F, 0.4F}, 4, samples);
  EXPECT_EQ(samples[0], 0.5F);
  EXPECT_EQ(samples[1], static_cast<float>((double{0.1F} + double{0.2F} + double{0.3F} + double{0.4F}) / 4));
  std::vector<float> one(1);
  constexpr float kLargest = std::numeric_limits<float>::max();
  mix_channels(std::vector<float>{kLargest, kLargest}, 2, one);
  EXPECT_EQ(one[0], kLargest);
}

}  // namespace
}  // namespace melstream::audio
