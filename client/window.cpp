// melstream window: the exact offline tensor of a part of a stream.
#include <cstdio>

#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/feature_plan.hpp"
#include "client/input_options.hpp"
#include "client/npy.hpp"
#include "client/window_text.hpp"

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
  const FeatureMatrix matrix = window_matrix(response);
  if (!options.out_path.empty()) write_npy(options.out_path, matrix);
  if (options.common.json) {
    v1::SampleRange range;
    range.set_begin_sample(request.begin_sample());
    range.set_end_sample(request.end_sample());
    std::printf("%s\n", window_json(request.stream(), range, response, matrix, options.out_path).c_str());
  } else {
    std::printf("%s: [%lld, %d] %s%s\n", options.out_path.c_str(), static_cast<long long>(matrix.frames()), matrix.bins,
                plan.front_end.c_str(), window_notes(response).c_str());
  }
  return ExitCode::kOk;
}

}  // namespace melstream::client
