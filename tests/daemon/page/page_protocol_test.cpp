// The bytes of records, and what is taken from a page.
#include "daemon/page/page_protocol.hpp"

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

namespace melstream::page {
namespace {

TEST(PageProtocol, RecordsAreLittleEndianWithoutHoles) {
  std::string out = "x";
  append_record({.kind = RecordKind::kGap,
                 .slot = 3,
                 .reason = 7,
                 .flags = 4,
                 .generation = 0x0102,
                 .n_values = 0x0304,
                 .n_rows = 0x05060708,
                 .first_frame = 0x1112131415161718,
                 .first_sample = 0x2122232425262728,
                 .extra = -2},
                out);
  const std::string want(
      "x\x02\x03\x07\x04\x02\x01\x04\x03\x08\x07\x06\x05\0\0\0\0"
      "\x18\x17\x16\x15\x14\x13\x12\x11\x28\x27\x26\x25\x24\x23\x22\x21\xfe\xff\xff\xff\xff\xff\xff\xff",
      1 + kRecordBytes);
  EXPECT_EQ(out, want);
}

TEST(PageProtocol, SubscribesFromNowOrGoesOn) {
  const auto fresh = std::get<SubscribeCommand>(parse_feature_command(
      R"({"subscribe":{"slot":2,"generation":9,"stream":"desk","front_end":"kaldi-80","smoothing":"box3x3","seconds_back":10}})"));
  EXPECT_EQ(fresh.slot, 2);
  EXPECT_EQ(fresh.generation, 9);
  EXPECT_EQ(fresh.stream, "desk");
  EXPECT_EQ(fresh.front_end, "kaldi-80");
  EXPECT_EQ(fresh.smoothing, engine::Smoothing::kBox3x3);
  EXPECT_EQ(fresh.seconds_back, 10.0);
  EXPECT_FALSE(fresh.go_on);
  const auto resumed = std::get<SubscribeCommand>(parse_feature_command(
      R"({"subscribe":{"slot":0,"generation":1,"stream":"a","front_end":"b","smoothing":"none","seconds_back":0,"epoch":"18446744073709551615","frame":12}})"));
  ASSERT_TRUE(resumed.go_on);
  EXPECT_EQ(resumed.go_on->epoch, UINT64_MAX);
  EXPECT_EQ(resumed.go_on->frame, 12);
  EXPECT_EQ(std::get<UnsubscribeCommand>(parse_feature_command(R"({"unsubscribe":{"slot":1}})")).slot, 1);
}

TEST(PageProtocol, RefusesEverythingElse) {
  const auto subscribe = [](const std::string& members) {
    return R"({"subscribe":{"generation":1,"stream":"a","front_end":"b","smoothing":"none",)" + members + "}}";
  };
  for (
      const std::string& text : std::vector<std::string>{
          "",
          "{",
          "[]",
          "1",
          "null",
          R"({"a":1})",
          R"({"subscribe":1})",
          R"({"unsubscribe":{"slot":4}})",
          R"({"unsubscribe":{"slot":-1}})",
          R"({"unsubscribe":{"slot":0.5}})",
          R"({"unsubscribe":{"slot":18446744073709551615}})",
          R"({"unsubscribe":{"slot":0},"x":{}})",
          subscribe(R"("slot":0)"),
          subscribe(R"("slot":0,"seconds_back":-1)"),
          subscribe(R"("slot":0,"seconds_back":1e9)"),
          subscribe(R"("slot":0,"seconds_back":"1")"),
          subscribe(R"("slot":0,"seconds_back":1,"epoch":1,"frame":0)"),
          subscribe(R"("slot":0,"seconds_back":1,"epoch":"x","frame":0)"),
          subscribe(R"("slot":0,"seconds_back":1,"epoch":"1","frame":-1)"),
          subscribe(R"("slot":0,"seconds_back":1,"epoch":"1","frame":1e300)"),
          R"({"subscribe":{"slot":0,"generation":0,"stream":"a","front_end":"b","smoothing":"none","seconds_back":1}})",
          R"({"subscribe":{"slot":0,"generation":1,"stream":"","front_end":"b","smoothing":"none","seconds_back":1}})",
          R"({"subscribe":{"slot":0,"generation":1,"stream":"a","front_end":"b","smoothing":"x","seconds_back":1}})",
          std::string(3000, '['),
          std::string(kMaxTextBytes + 1, ' ')}) {
    EXPECT_THROW(parse_feature_command(text), core::Error) << text.substr(0, 100);
  }
}

TEST(PageProtocol, MicrophonesSayTheirRateAndKey) {
  const std::string key = "00112233445566778899aabbccddeeff";
  const MicrophoneStart start = parse_microphone_start(R"({"start":{"rate":44100,"key":")" + key + "\"}}");
  EXPECT_EQ(start.rate_hz, 44100);
  EXPECT_EQ(start.key, key);
  for (const std::string& wrong :
       std::vector<std::string>{R"({"start":{"rate":44100}})", R"({"start":{"rate":0,"key":")" + key + "\"}}",
                                R"({"start":{"rate":44100,"key":"x"}})", R"({"stop":{}})",
                                R"({"start":{"rate":99999999999,"key":")" + key + "\"}}"}) {
    EXPECT_THROW(parse_microphone_start(wrong), core::Error) << wrong;
  }
}

std::vector<std::byte> audio_message(std::int64_t first, std::size_t n_bytes) {
  std::vector<std::byte> message(kAudioHeaderBytes + n_bytes);
  std::memcpy(message.data(), &first, sizeof first);
  return message;
}

TEST(PageProtocol, AudioIsWholeSamplesBehindTheirIndex) {
  const auto message = audio_message(1234, 8);
  const AudioPiece piece = parse_audio(message);
  EXPECT_EQ(piece.first_sample, 1234);
  EXPECT_EQ(piece.samples.size(), 8U);
  EXPECT_THROW(parse_audio(audio_message(0, 3)), core::Error);
  EXPECT_THROW(parse_audio(audio_message(-1, 4)), core::Error);
  EXPECT_THROW(parse_audio(audio_message(INT64_MAX, 4)), core::Error);
  EXPECT_THROW(parse_audio({}), core::Error);
}

}  // namespace
}  // namespace melstream::page
