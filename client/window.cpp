// melstream window: the exact offline tensor of a part of a stream.
#include <cstdio>

#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/feature_names.hpp"
#include "client/feature_plan.hpp"
#include "client/input_options.hpp"
#include "client/json_object.hpp"
#include "client/npy.hpp"
#include "client/subscription_totals.hpp"

namespace melstream::client {
namespace {

constexpr int kTimelineRateHz = 16000;

v1::GetWindowRequest make_request(const WindowOptions& options, const FeaturePlan& plan) {
  v1::GetWindowRequest request;
  request.set_stream(options.stream);
  const std::int64_t begin = seconds_to_samples(options.start_seconds, kTimelineRateHz, "--start");
  request.set_begin_sample(begin);
  request.set_end_sample(begin + seconds_to_samples(options.duration_seconds, kTimelineRateHz, "--duration"));
  const double pad_to = options.has_pad_to ? options.pad_to_seconds : plan.pad_to_seconds;
  if (options.has_pad_to || pad_to > 0) {
    request.set_pad_to_samples(seconds_to_samples(pad_to, kTimelineRateHz, "--pad-to"));
  }
  request.set_gaps(options.zero_fill ? v1::WINDOW_GAPS_ZERO_FILL : v1::WINDOW_GAPS_REFUSE);
  return request;
}

std::string json_ranges(const google::protobuf::RepeatedPtrField<v1::SampleRange>& ranges) {
  std::vector<std::string> texts;
  for (const auto& range : ranges) {
    texts.push_back("[" + std::to_string(range.begin_sample()) + ", " + std::to_string(range.end_sample()) + "]");
  }
  return json_array(texts);
}

/// ", 320 samples concealed", or nothing.
std::string count_text(const google::protobuf::RepeatedPtrField<v1::SampleRange>& ranges, const char* what) {
  std::int64_t n = 0;
  for (const auto& range : ranges) n += range.end_sample() - range.begin_sample();
  return n > 0 ? ", " + std::to_string(n) + " samples " + what : "";
}

std::string describe(const v1::GetWindowRequest& request, const v1::GetWindowResponse& response,
                     const FeatureMatrix& matrix, const WindowOptions& options) {
  JsonObject json;
  json.add("type", "window").add("stream", request.stream()).add("epoch", std::to_string(response.epoch()));
  json.add("begin_sample", std::int64_t{request.begin_sample()}).add("end_sample", std::int64_t{request.end_sample()});
  json.add("n_frames", matrix.frames()).add("bins", std::int64_t{matrix.bins});
  json.add("capture_ns", std::int64_t{response.capture_time_ns()}).add("spec_sha256", response.spec_sha256());
  json.add("window_max", response.window_max());
  json.add_json("filled", json_ranges(response.filled()));
  json.add_json("concealed", json_ranges(response.concealed()));
  json.add_json("suppressed", json_ranges(response.suppressed()));
  // With a file the values are there.
  if (options.out_path.empty()) {
    json.add_json("values", json_rows(matrix.values, matrix.bins));
  } else {
    json.add("out", options.out_path);
  }
  return json.text();
}

}  // namespace

ExitCode run_window(const WindowOptions& options) {
  if (options.out_path.empty() && !options.common.json) {
    throw ClientError(ExitCode::kUsage, "window needs --out X.npy or --json");
  }
  if (!(options.timeout_seconds > 0)) throw ClientError(ExitCode::kUsage, "--timeout must be seconds above 0");
  const FeaturePlan plan = plan_features(options.features);
  v1::GetWindowRequest request = make_request(options, plan);
  const Connection connection(options.common.server);
  *request.mutable_features() = make_feature_request(plan, connection.front_end(plan.front_end), true);
  const v1::GetWindowResponse response = connection.window(request, options.timeout_seconds);
  FeatureMatrix matrix;
  matrix.bins = response.bins();
  decode_values(response.values(), v1::ELEMENT_TYPE_FLOAT32, response.frame_count(), response.bins(), matrix.values);
  if (!options.out_path.empty()) write_npy(options.out_path, matrix);
  if (options.common.json) {
    std::printf("%s\n", describe(request, response, matrix, options).c_str());
  } else {
    const std::string notes =
        count_text(response.concealed(), "concealed") + count_text(response.suppressed(), "of suppressed silence");
    std::printf("%s: [%lld, %d] %s%s\n", options.out_path.c_str(), static_cast<long long>(matrix.frames()), matrix.bins,
                plan.front_end.c_str(), notes.c_str());
  }
  return ExitCode::kOk;
}

}  // namespace melstream::client
