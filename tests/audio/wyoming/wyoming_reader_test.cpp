// The events of a connection come out the same however its bytes are cut; what is no event says what to send instead.
#include "melstream/audio/wyoming/wyoming_reader.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

struct Read {
  std::vector<WyomingEvent> events;
  std::vector<std::string> payloads;  ///< one an event, put together
};

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

void read(WyomingReader& reader, std::string_view text, Read& read) {
  std::span<const std::byte> bytes = bytes_of(text);
  while (const auto item = reader.next(bytes)) {
    if (const auto* const event = std::get_if<WyomingEvent>(&*item)) {
      read.events.push_back(*event);
      read.payloads.emplace_back();
    } else {
      const auto piece = std::get<WyomingReader::Payload>(*item);
      read.payloads.back().append(reinterpret_cast<const char*>(piece.data()), piece.size());
    }
  }
}

std::string refusal(std::string_view text) {
  WyomingReader reader;
  Read unused;
  try {
    read(reader, text, unused);
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), core::ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "";
}

// As the Python package writes them: data after the line, nulls for what is not known.
const std::string kStartData = R"({"rate": 48000, "width": 2, "channels": 1, "timestamp": null})";
const std::string kStart = R"({"type": "audio-start", "version": "1.5.4", "data_length": )" +
                           std::to_string(kStartData.size()) + "}\n" + kStartData;
const std::string kChunk = R"({"type":"audio-chunk","data":{"rate":48000,"width":2,"channels":1},"payload_length":7})"
                           "\n{\"a\":\n}";
const std::string kStop = "{\"type\":\"audio-stop\"}\r\n";

class WyomingReaderCuts : public testing::TestWithParam<std::size_t> {};

TEST_P(WyomingReaderCuts, GiveTheSameEvents) {
  const std::string sent = kStart + kChunk + kChunk + "{\"type\":\"ping\",\"data\":{\"text\":\"hey\"}}\n" + kStop;
  WyomingReader reader;
  Read got;
  for (std::size_t at = 0; at < sent.size(); at += GetParam()) {
    read(reader, std::string_view(sent).substr(at, GetParam()), got);
  }
  ASSERT_EQ(got.events.size(), 5U);
  EXPECT_EQ(got.events[0].type, "audio-start");
  EXPECT_EQ(got.events[0].rate, 48000);
  EXPECT_EQ(got.events[0].width, 2);
  EXPECT_EQ(got.events[0].channels, 1);
  EXPECT_EQ(got.events[1].type, "audio-chunk");
  EXPECT_EQ(got.events[1].rate, 48000);
  EXPECT_EQ(got.payloads[1], "{\"a\":\n}");
  EXPECT_EQ(got.payloads[2], "{\"a\":\n}");
  EXPECT_EQ(got.events[3].type, "ping");
  EXPECT_EQ(got.events[3].text, "hey");
  EXPECT_EQ(got.events[4].type, "audio-stop");
  EXPECT_EQ(got.events[4].rate, std::nullopt);
  EXPECT_FALSE(reader.is_inside_event());
}

INSTANTIATE_TEST_SUITE_P(Cuts, WyomingReaderCuts, testing::Values(1, 2, 3, 7, 100, 4096));

TEST(WyomingReader, DataAfterTheLineGoesFirst) {
  const std::string data = R"({"rate":8000})";
  WyomingReader reader;
  Read got;
  read(reader, R"({"type":"audio-start","data":{"rate":16000,"width":4},"data_length":13})" + ("\n" + data), got);
  ASSERT_EQ(got.events.size(), 1U);
  EXPECT_EQ(got.events[0].rate, 8000);
  EXPECT_EQ(got.events[0].width, 4);
}

TEST(WyomingReader, KnowsWhetherAnEventIsWhole) {
  WyomingReader reader;
  Read got;
  EXPECT_FALSE(reader.is_inside_event());
  read(reader, std::string_view(kStart).substr(0, 10), got);
  EXPECT_TRUE(reader.is_inside_event());
  read(reader, std::string_view(kStart).substr(10, kStart.size() - 15), got);
  EXPECT_TRUE(reader.is_inside_event()) << "in its data";
  read(reader, std::string_view(kStart).substr(kStart.size() - 5), got);
  EXPECT_FALSE(reader.is_inside_event());
  read(reader, std::string_view(kChunk).substr(0, kChunk.size() - 1), got);
  EXPECT_TRUE(reader.is_inside_event()) << "in its payload";
}

TEST(WyomingReader, RefusesWhatIsNoEvent) {
  using testing::HasSubstr;
  EXPECT_THAT(refusal("GET / HTTP/1.1\r\n"), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal("\n"), HasSubstr(R"("audio-start")"));
  EXPECT_THAT(refusal("[1]\n"), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal("{\"data\":{}}\n"), HasSubstr("without a type"));
  EXPECT_THAT(refusal("{\"type\":7}\n"), HasSubstr("without a type"));
  EXPECT_THAT(refusal("{\"type\":\"x\",\"data\":[]}\n"), HasSubstr("must be an object"));
  EXPECT_THAT(refusal("{\"type\":\"x\",\"data_length\":3}\nabc"), HasSubstr("the data of x"));
  EXPECT_THAT(refusal("{\"type\":\"audio-start\",\"data\":{\"rate\":\"16000\"}}\n"), HasSubstr("rate of audio"));
  EXPECT_THAT(refusal("{\"type\":\"audio-start\",\"data\":{\"width\":-2}}\n"), HasSubstr("width of audio"));
}

TEST(WyomingReader, RefusesLengthsBeforeAnyByteOfThemComes) {
  using testing::HasSubstr;
  EXPECT_THAT(refusal("{\"type\":\"x\",\"payload_length\":262145}\n"), HasSubstr("payload_length must be 0 to 262144"));
  EXPECT_THAT(refusal("{\"type\":\"x\",\"data_length\":65537}\n"), HasSubstr("data_length must be 0 to 65536"));
  EXPECT_THAT(refusal("{\"type\":\"x\",\"payload_length\":-1}\n"), HasSubstr("payload_length"));
  EXPECT_THAT(refusal("{\"type\":\"x\",\"payload_length\":1e99}\n"), HasSubstr("payload_length"));
  EXPECT_THAT(refusal(std::string(8193, 'x')), HasSubstr("a line of over 8192 bytes"));
  EXPECT_EQ(refusal("{\"type\":\"x\",\"payload_length\":262144}\n"), "");
}

TEST(WyomingReader, LooksOnlyAtTheDataOfWhatItKnows) {
  WyomingReader reader;
  Read got;
  read(reader, "{\"type\":\"transcribe\",\"data\":{\"rate\":\"fast\"},\"payload_length\":2}\nab", got);
  ASSERT_EQ(got.events.size(), 1U);
  EXPECT_EQ(got.events[0].type, "transcribe");
  EXPECT_EQ(got.payloads[0], "ab");
}

}  // namespace
}  // namespace melstream::audio
