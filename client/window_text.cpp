#include "client/window_text.hpp"

#include <cstdint>
#include <vector>

#include "client/json_object.hpp"
#include "client/subscription_totals.hpp"

namespace melstream::client {
namespace {

using Ranges = google::protobuf::RepeatedPtrField<v1::SampleRange>;

std::string json_ranges(const Ranges& ranges) {
  std::vector<std::string> texts;
  for (const auto& range : ranges) {
    texts.push_back("[" + std::to_string(range.begin_sample()) + ", " + std::to_string(range.end_sample()) + "]");
  }
  return json_array(texts);
}

/// ", 320 samples concealed", or nothing.
std::string count_text(const Ranges& ranges, const char* what) {
  std::int64_t n = 0;
  for (const auto& range : ranges) n += range.end_sample() - range.begin_sample();
  return n > 0 ? ", " + std::to_string(n) + " samples " + what : "";
}

}  // namespace

FeatureMatrix window_matrix(const v1::GetWindowResponse& response) {
  FeatureMatrix matrix;
  matrix.bins = response.bins();
  decode_values(response.values(), v1::ELEMENT_TYPE_FLOAT32, response.frame_count(), response.bins(), matrix.values);
  return matrix;
}

std::string window_json(const std::string& stream, const v1::SampleRange& range, const v1::GetWindowResponse& response,
                        const FeatureMatrix& matrix, const std::string& out_path) {
  JsonObject json;
  json.add("type", "window").add("stream", stream).add("epoch", std::to_string(response.epoch()));
  json.add("begin_sample", std::int64_t{range.begin_sample()}).add("end_sample", std::int64_t{range.end_sample()});
  json.add("n_frames", matrix.frames()).add("bins", std::int64_t{matrix.bins});
  json.add("capture_ns", std::int64_t{response.capture_time_ns()}).add("spec_sha256", response.spec_sha256());
  json.add("window_max", response.window_max());
  json.add_json("filled", json_ranges(response.filled()));
  json.add_json("concealed", json_ranges(response.concealed()));
  json.add_json("suppressed", json_ranges(response.suppressed()));
  // With a file the values are there.
  if (out_path.empty()) {
    json.add_json("values", json_rows(matrix.values, matrix.bins));
  } else {
    json.add("out", out_path);
  }
  return json.text();
}

std::string window_notes(const v1::GetWindowResponse& response) {
  return count_text(response.concealed(), "concealed") + count_text(response.suppressed(), "of suppressed silence");
}

}  // namespace melstream::client
