// What PCM formats are accepted, and the clock.
#include "melstream/core/pcm.hpp"

#include <string>

#include <gtest/gtest.h>

#include "melstream/core/clock.hpp"
#include "melstream/core/error.hpp"

namespace melstream::core {
namespace {

/// Name of the field that validate() refuses, empty if it takes the format.
std::string refused_field(const PcmFormat& format, const std::string& in_message = {}) {
  try {
    validate(format);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find(in_message), std::string::npos) << error.what();
    return error.field();
  }
  return {};
}

TEST(PcmFormat, TakesRatesFrom8To192Kilohertz) {
  EXPECT_EQ(refused_field({.sample_rate_hz = 7999}, "7999"), "sample_rate_hertz");
  EXPECT_EQ(refused_field({.sample_rate_hz = 8000}), "");
  EXPECT_EQ(refused_field({.sample_rate_hz = 192000}), "");
  EXPECT_EQ(refused_field({.sample_rate_hz = 192001}, "8000 to 192000"), "sample_rate_hertz");
  EXPECT_EQ(refused_field({.sample_rate_hz = -1}), "sample_rate_hertz");
}

TEST(PcmFormat, TakesOneToEightChannels) {
  EXPECT_EQ(refused_field({.n_channels = 0}, "0"), "audio_channel_count");
  EXPECT_EQ(refused_field({.n_channels = 1}), "");
  EXPECT_EQ(refused_field({.n_channels = 8}), "");
  EXPECT_EQ(refused_field({.n_channels = 9}, "1 to 8"), "audio_channel_count");
}

TEST(PcmFormat, ChecksTheChannelIndexOnlyWhereItIsUsed) {
  EXPECT_EQ(refused_field({.n_channels = 2, .channel_mode = ChannelMode::kIndex, .channel_index = 1}), "");
  EXPECT_EQ(refused_field({.n_channels = 2, .channel_mode = ChannelMode::kIndex, .channel_index = 2}), "channel_index");
  EXPECT_EQ(refused_field({.n_channels = 2, .channel_mode = ChannelMode::kIndex, .channel_index = -1}),
            "channel_index");
  EXPECT_EQ(refused_field({.n_channels = 2, .channel_mode = ChannelMode::kMix, .channel_index = 7}), "");
}

TEST(PcmFormat, RefusesAnEncodingThatDoesNotExist) {
  EXPECT_EQ(refused_field({.encoding = static_cast<PcmEncoding>(6)}), "encoding");
}

TEST(PcmFormat, FeedsOneStreamAChannelOnlyWhenSplit) {
  EXPECT_EQ((PcmFormat{.n_channels = 5, .channel_mode = ChannelMode::kSplit}.n_feeds()), 5);
  EXPECT_EQ((PcmFormat{.n_channels = 5, .channel_mode = ChannelMode::kMix}.n_feeds()), 1);
  EXPECT_EQ((PcmFormat{.n_channels = 5, .channel_mode = ChannelMode::kIndex}.n_feeds()), 1);
}

TEST(SystemClock, TellsMonotonicAndUnixTime) {
  const SystemClock clock;
  const std::int64_t before = clock.mono_ns();
  EXPECT_LE(before, clock.mono_ns());
  EXPECT_GT(before, 0);
  EXPECT_GT(clock.wall_ns(), 1'700'000'000 * kNsPerSecond);  // after November 2023
}

}  // namespace
}  // namespace melstream::core
