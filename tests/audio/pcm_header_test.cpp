// What a sender says of its PCM, and what it is told if that is wrong.
#include "melstream/audio/pcm_header.hpp"

#include <string>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

std::string refusal(const std::string& json) {
  try {
    static_cast<void>(parse_pcm_header(json, {}));
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), core::ErrorCode::kInvalidArgument);
    const std::string message = error.what();
    const std::string end = "; a right one: " + std::string(kPcmHeaderExample);
    EXPECT_EQ(message.rfind("header: ", 0), 0U) << message;
    EXPECT_NE(message.find(end), std::string::npos) << message;
    return message.substr(8, message.size() - 8 - end.size());
  }
  return "taken";
}

TEST(PcmHeader, SaysAll) {
  const PcmHeader header = parse_pcm_header(
      R"({"stream":"desk","rate":48000,"encoding":"f32le","channels":2,"channel":1,"labels":{"room":"3","\u00e4":""}})",
      {});
  EXPECT_EQ(header.stream, "desk");
  EXPECT_EQ(header.format.sample_rate_hz, 48000);
  EXPECT_EQ(header.format.encoding, core::PcmEncoding::kFloat32);
  EXPECT_EQ(header.format.n_channels, 2);
  EXPECT_EQ(header.format.channel_mode, core::ChannelMode::kIndex);
  EXPECT_EQ(header.format.channel_index, 1);
  EXPECT_EQ(header.labels, (std::map<std::string, std::string>{{"room", "3"}, {"\xc3\xa4", ""}}));
}

TEST(PcmHeader, WhatIsLeftOutStaysAsItWas) {
  const core::PcmFormat standard{.encoding = core::PcmEncoding::kMulaw, .sample_rate_hz = 8000, .n_channels = 2};
  const PcmHeader none = parse_pcm_header("{}", standard);
  EXPECT_EQ(none.format.encoding, core::PcmEncoding::kMulaw);
  EXPECT_EQ(none.format.sample_rate_hz, 8000);
  EXPECT_EQ(none.format.n_channels, 2);
  EXPECT_EQ(none.stream, std::nullopt);
  const PcmHeader rate = parse_pcm_header(R"( { "rate" : 44100, "channel" : "split" } )", standard);
  EXPECT_EQ(rate.format.encoding, core::PcmEncoding::kMulaw);
  EXPECT_EQ(rate.format.sample_rate_hz, 44100);
  EXPECT_EQ(rate.format.channel_mode, core::ChannelMode::kSplit);
}

TEST(PcmHeader, LiesAreNamed) {
  EXPECT_EQ(refusal(R"({"rate":7})"), "rate 7 must be 8000 to 192000");
  EXPECT_EQ(refusal(R"({"rate":-16000})"), "rate -16000 must be 8000 to 192000");
  EXPECT_EQ(refusal(R"({"rate":18446744073709551615})"), "rate 9223372036854775807 must be 8000 to 192000");
  EXPECT_EQ(refusal(R"({"channels":900})"), "channels 900 must be 1 to 8");
  EXPECT_EQ(refusal(R"({"channels":0})"), "channels 0 must be 1 to 8");
  EXPECT_EQ(refusal(R"({"encoding":"mp3"})"), "encoding 'mp3' must be s16le, s24le, s32le, f32le, mulaw or alaw");
  EXPECT_EQ(refusal(R"({"channel":8})"), "channel 8 must be 0 to 7");
  EXPECT_NE(refusal(R"({"channels":2,"channel":2})").find("channel"), std::string::npos);
  EXPECT_NE(refusal(R"({"channels":2,"channel":2})"), "taken");
}

TEST(PcmHeader, WrongTypesAreNamed) {
  EXPECT_EQ(refusal(R"({"rate":"16000"})"), "rate '16000' must be a whole number");
  EXPECT_EQ(refusal(R"({"rate":16000.0})"), "rate '16000.0' must be a whole number");
  EXPECT_EQ(refusal(R"({"rate":null})"), "rate null must be a whole number");
  EXPECT_EQ(refusal(R"({"channels":true})"), "channels true must be a whole number");
  EXPECT_EQ(refusal(R"({"channels":[1]})"), "channels [...] must be a whole number");
  EXPECT_EQ(refusal(R"({"stream":5})"), "stream 5 must be a text");
  EXPECT_EQ(refusal(R"({"stream":{"a":"b"}})"), "stream {...} must be a text");
  EXPECT_EQ(refusal(R"({"channel":"left"})"), R"(channel 'left' must be "mix", "split" or a channel counted from 0)");
  EXPECT_EQ(refusal(R"({"labels":"room"})"), R"(labels 'room' must be an object of texts: {"room":"3"})");
  EXPECT_EQ(refusal(R"({"labels":{"room":3}})"), "label 'room' 3 must be a text");
  EXPECT_EQ(refusal(R"({"labels":{"room":{}}})"), "label 'room' {...} must be a text");
  EXPECT_EQ(refusal("[1]"), "it must be an object: {...}");
  EXPECT_EQ(refusal("17"), "it must be an object: {...}");
  EXPECT_EQ(refusal("\"x\""), "it must be an object: {...}");
}

TEST(PcmHeader, NothingElseMayBeThere) {
  EXPECT_EQ(refusal(R"({"sample_rate":16000})"),
            "unknown key 'sample_rate'; there are stream, rate, encoding, channels, channel and labels");
  EXPECT_EQ(refusal(R"({"rate":16000,"rate":8000})"), "the key 'rate' is there twice");
  EXPECT_EQ(refusal(R"({"labels":{"a":"1","a":"2"}})"), "the label 'a' is there twice");
  EXPECT_EQ(refusal(R"({"rate":16000} {})"), "no JSON object on one line: wrong at byte 16");
  EXPECT_NE(refusal(""), "taken");
  EXPECT_NE(refusal(R"({"rate":16000)"), "taken");
  EXPECT_NE(refusal("{\"stream\":\"\xff\"}"), "taken");
}

TEST(PcmHeader, AMessageHoldsLittleOfTheInput) {
  const std::string refused = refusal("{\"" + std::string(3000, 'x') + "\":1}");
  EXPECT_LT(refused.size(), 200U);
  EXPECT_EQ(refusal("{\"rate\":\"\\n\\u00e4\"}"), "rate '...' must be a whole number");
  EXPECT_EQ(refusal("{" + std::string(4096, ' ') + "}"), "it has 4098 bytes, at most 4096");
  EXPECT_NE(refusal(std::string(4096, '[')), "taken");
}

}  // namespace
}  // namespace melstream::audio
