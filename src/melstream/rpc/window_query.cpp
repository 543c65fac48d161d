#include "melstream/rpc/window_query.hpp"

#include <string>
#include <utility>

#include "melstream/core/error.hpp"
#include "melstream/rpc/block_encoder.hpp"
#include "melstream/rpc/convert.hpp"

namespace melstream::rpc {
namespace {

bool zero_fill(v1::WindowGaps gaps) {
  switch (gaps) {
    case v1::WINDOW_GAPS_UNSPECIFIED:
    case v1::WINDOW_GAPS_REFUSE:
      return false;
    case v1::WINDOW_GAPS_ZERO_FILL:
      return true;
    default:
      throw core::Error(core::ErrorCode::kInvalidArgument,
                        std::to_string(gaps) + " is not known here; use REFUSE or ZERO_FILL", "gaps");
  }
}

}  // namespace

WindowQuery window_query(const v1::FeatureRequest& features, std::optional<std::int64_t> pad_to_samples,
                         v1::WindowGaps gaps, const engine::FrontEndCatalog& catalog) {
  WindowQuery query{.choice = choose_features(features, catalog)};
  query.window.front_end = query.choice.front_end;
  query.window.smoothing = query.choice.smoothing;
  query.window.normalization = query.choice.normalization;
  query.window.fixed_max = query.choice.fixed_max;
  query.window.pad_to_samples = pad_to_samples;
  query.window.zero_fill = zero_fill(gaps);
  return query;
}

WindowQuery window_query(const v1::GetWindowRequest& request, const engine::FrontEndCatalog& catalog) {
  std::optional<std::int64_t> pad_to_samples;
  if (request.has_pad_to_samples()) pad_to_samples = request.pad_to_samples();
  WindowQuery query = window_query(request.features(), pad_to_samples, request.gaps(), catalog);
  query.window.begin = request.begin_sample();
  query.window.end = request.end_sample();
  pipeline::WindowReader::validate(query.window);
  return query;
}

std::shared_ptr<pipeline::Stream> find_window_stream(const v1::GetWindowRequest& request,
                                                     const pipeline::Registry& registry, const access::Grant& grant) {
  pipeline::validate_stream_id(request.stream());
  grant.require(request.stream());
  auto stream = registry.find(request.stream());
  if (!stream) {
    throw core::Error(core::ErrorCode::kNotFound,
                      "no stream '" + request.stream() + "'; `melstream streams` tells what there is", "stream");
  }
  if (request.has_epoch() && request.epoch() != stream->epoch()) {
    throw core::Error(core::ErrorCode::kFailedPrecondition,
                      "stream '" + request.stream() + "' has epoch " + std::to_string(stream->epoch()) + ", not " +
                          std::to_string(request.epoch()) + ": it was opened anew",
                      "epoch");
  }
  return stream;
}

void answer_window(const Environment& environment, const pipeline::Stream& stream, const WindowQuery& query,
                   v1::GetWindowResponse& response) {
  const pipeline::Window window = environment.parts.windows.read(stream, query.window);
  const FeatureChoice& choice = query.choice;
  response.set_epoch(stream.epoch());
  response.set_spec_sha256(choice.front_end->sha256());
  response.set_frame_count(static_cast<std::int32_t>(window.n_frames));
  response.set_bins(window.n_bins);
  if (window.n_frames > 0) {
    pack_values(window.values, window.n_bins, choice.element_type, choice.layout, *response.mutable_values());
  }
  response.set_window_max(window.max);
  response.set_capture_time_ns(window.capture_wall_ns);
  for (const engine::IndexRange& range : window.filled) set_range(range, *response.add_filled());
  for (const engine::IndexRange& range : window.concealed) set_range(range, *response.add_concealed());
  for (const engine::IndexRange& range : window.suppressed) set_range(range, *response.add_suppressed());
  set_engine_info(environment.parts.window_engine, environment.options.build, *response.mutable_engine());
}

void set_window_failure(const grpc::Status& status, v1::WindowFailure& out) {
  out.set_code(status.error_code());
  out.set_message(status.error_message());
  if (!status.error_details().empty()) out.mutable_detail()->ParseFromString(status.error_details());
}

}  // namespace melstream::rpc
