// Numbers, JSON and words as text.
#include <cmath>
#include <cstdlib>
#include <limits>

#include "client/feature_names.hpp"
#include "client/json_lines.hpp"
#include "client/json_object.hpp"
#include "client/number_text.hpp"
#include "tests/client/expect_error.hpp"

namespace melstream::client {
namespace {

TEST(JsonNumber, ReadsBackAsTheSameFloat) {
  for (const float value : {0.1f, -15.942385f, 1e-38f, 3.4028235e38f, 1.17549421e-38f, -0.0f, 16777217.0f}) {
    EXPECT_EQ(std::strtof(json_number(value).c_str(), nullptr), value) << json_number(value);
  }
}

TEST(JsonNumber, NanAndInfinityAreNull) {
  EXPECT_EQ(json_number(std::numeric_limits<float>::quiet_NaN()), "null");
  EXPECT_EQ(json_number(-std::numeric_limits<float>::infinity()), "null");
}

TEST(JsonObject, EscapesAndKeepsOrder) {
  JsonObject json;
  json.add("b", "say \"hi\"\\\n\x01").add("a", std::int64_t{-1}).add("c", true).add("d", 0.5);
  EXPECT_EQ(json.text(), R"({"b": "say \"hi\"\\\n\u0001", "a": -1, "c": true, "d": 0.5})");
}

TEST(JsonRows, OneListAFrame) {
  const float values[] = {1, 2.5f, std::nanf(""), -4};
  EXPECT_EQ(json_rows(values, 2), "[[1, 2.5], [null, -4]]");
  EXPECT_EQ(json_rows({}, 2), "[]");
}

TEST(JsonLines, BlockHasTheKeysThatProgramsRead) {
  v1::SubscribeResponse response;
  auto& block = *response.mutable_block();
  block.set_stream("s");
  block.set_epoch(0xFFFFFFFFFFFFFFFFu);
  block.set_first_frame(3);
  block.set_frame_count(1);
  block.set_first_sample(480);
  block.set_capture_time_ns(1'700'000'000'123'456'789);
  block.set_rms_dbfs(-std::numeric_limits<float>::infinity());
  const float values[] = {1, 2};
  const std::string text = response_json(response, values);
  EXPECT_EQ(text.rfind(R"({"type": "block", "stream": "s", "epoch": "18446744073709551615", "first_frame": 3, )"
                       R"("frame_count": 1, "first_sample": 480, "capture_time_ns": 1700000000123456789, )",
                       0),
            0u)
      << text;
  EXPECT_NE(text.find(R"("rms_dbfs": null)"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("values": [[1, 2]]})"), std::string::npos) << text;
}

TEST(JsonLines, GapsAndEndsHaveTheirReason) {
  v1::SubscribeResponse response;
  response.mutable_gap()->set_reason(v1::GAP_REASON_NET_LOSS);
  response.mutable_gap()->set_frame_count(7);
  EXPECT_NE(response_json(response, {}).find(R"("frame_count": 7, "reason": "NET_LOSS")"), std::string::npos);
  response.mutable_discontinuity()->set_reason(v1::GAP_REASON_CAPTURE_OVERFLOW);
  EXPECT_NE(response_json(response, {}).find(R"("reason": "CAPTURE_OVERFLOW")"), std::string::npos);
  response.mutable_end()->set_reason(v1::END_REASON_SOURCE_LOST);
  EXPECT_NE(response_json(response, {}).find(R"("reason": "SOURCE_LOST")"), std::string::npos);
}

TEST(FeatureNames, WordsAndNumbersOfTheWire) {
  EXPECT_EQ(parse_smoothing("box3x3-valid"), v1::SMOOTHING_BOX3X3_VALID);
  EXPECT_EQ(parse_smoothing("box3x3_valid"), v1::SMOOTHING_BOX3X3_VALID);
  EXPECT_EQ(parse_normalization("running_max"), v1::NORMALIZATION_RUNNING_MAX);
  EXPECT_EQ(parse_normalization("per-feature-window"), v1::NORMALIZATION_PER_FEATURE_WINDOW);
  EXPECT_EQ(parse_element_type("f16"), v1::ELEMENT_TYPE_FLOAT16);
  expect_error(ExitCode::kUsage, {"box5x5", "box3x3-valid"}, [] { parse_smoothing("box5x5"); });
  EXPECT_EQ(gap_reason_name(static_cast<v1::GapReason>(99)), "99");
}

TEST(Nearest, FindsTheTypingError) {
  EXPECT_EQ(nearest("whisper80", {"kaldi-80", "whisper-80", "whisper-128"}), "whisper-80");
  EXPECT_EQ(nearest("--frontend", {"--smoothing", "--front-end"}), "--front-end");
  EXPECT_EQ(nearest("xyz", {"kaldi-80", "whisper-80"}), "");
}

}  // namespace
}  // namespace melstream::client
