// The audio of a load test.
#include "client/load/speech.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

namespace melstream::client {
namespace {

TEST(Speech, IsTheSameEachTimeAndHasSyllablesAndPauses) {
  const auto speech = make_speech(16'000, 64'000);
  EXPECT_EQ(speech, make_speech(16'000, 64'000));
  int n_loud = 0;
  int n_quiet = 0;
  for (std::size_t at = 0; at + 800 <= speech.size(); at += 800) {
    double square = 0;
    for (std::size_t i = at; i < at + 800; ++i) square += static_cast<double>(speech[i]) * speech[i];
    const double level_db = 10 * std::log10(square / 800);
    n_loud += level_db > -30 ? 1 : 0;
    n_quiet += level_db < -55 ? 1 : 0;
  }
  EXPECT_GE(n_loud, 15);
  EXPECT_GE(n_quiet, 8);
  EXPECT_LE(*std::max_element(speech.begin(), speech.end()), 0.99F);
}

TEST(Speech, LinearCodesAreLittleEndianAndClipped) {
  const std::vector<float> samples{0.0F, 0.5F, -1.0F, 1.0F, -2.0F};
  EXPECT_EQ(encode_samples(samples, Encoding::kS16), std::string("\0\0\0\x40\0\x80\xFF\x7F\0\x80", 10));
  const auto some = std::span(samples).first(3);
  EXPECT_EQ(encode_samples(some, Encoding::kS24), std::string("\0\0\0\0\0\x40\0\0\x80", 9));
  EXPECT_EQ(encode_samples(some.first(2), Encoding::kS32), std::string("\0\0\0\0\0\0\0\x40", 8));
  EXPECT_EQ(encode_samples(some.first(2), Encoding::kF32), std::string("\0\0\0\0\0\0\0\x3F", 8));
}

// Decoders from the tables of G.711, the other way round.
int mulaw_value(std::uint8_t code) {
  const int inverted = ~code & 0xFF;
  const int magnitude = (((inverted & 0xF) << 3) + 132) << ((inverted >> 4) & 7);
  return (inverted & 0x80) != 0 ? 132 - magnitude : magnitude - 132;
}

int alaw_value(std::uint8_t code) {
  const int plain = code ^ 0x55;
  const int exponent = (plain >> 4) & 7;
  int magnitude = ((plain & 0xF) << 4) + 8;
  if (exponent > 0) magnitude = (magnitude + 0x100) << (exponent - 1);
  return (plain & 0x80) != 0 ? magnitude : -magnitude;
}

TEST(Speech, G711CodesDecodeToTheNearestValue) {
  std::vector<float> samples;
  for (int value = -32'768; value < 32'768; value += 37) samples.push_back(static_cast<float>(value) / 32'768.0F);
  const std::string mulaw = encode_samples(samples, Encoding::kMulaw);
  const std::string alaw = encode_samples(samples, Encoding::kAlaw);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double value = static_cast<double>(samples[i]) * 32'768;
    // Half of a step, which is a sixteenth of the value's octave; at the top, what the code cannot reach.
    const double half_step = std::abs(value) / 31;
    EXPECT_NEAR(mulaw_value(static_cast<std::uint8_t>(mulaw[i])), value, half_step + 9) << value;
    EXPECT_NEAR(alaw_value(static_cast<std::uint8_t>(alaw[i])), value, half_step + 9) << value;
  }
  EXPECT_EQ(static_cast<std::uint8_t>(encode_samples(std::vector<float>{0.0F}, Encoding::kMulaw)[0]), 0xFF);
  EXPECT_EQ(static_cast<std::uint8_t>(encode_samples(std::vector<float>{0.0F}, Encoding::kAlaw)[0]), 0xD5);
}

}  // namespace
}  // namespace melstream::client
