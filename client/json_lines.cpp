#include "client/json_lines.hpp"

#include <cstddef>
#include <vector>

#include "client/connection.hpp"
#include "client/crc32.hpp"
#include "client/feature_names.hpp"
#include "client/json_object.hpp"
#include "client/resume_token.hpp"

namespace melstream::client {
namespace {

template <typename Message>
JsonObject begin(const char* type, const Message& message) {
  JsonObject json;
  json.add("type", type).add("stream", message.stream()).add("epoch", std::to_string(message.epoch()));
  return json;
}

std::string start_json(const v1::SubscriptionStart& start) {
  JsonObject json = begin("start", start);
  json.add("front_end", start.front_end()).add("spec_sha256", start.spec_sha256());
  json.add("first_frame", std::int64_t{start.first_frame()}).add("first_sample", std::int64_t{start.first_sample()});
  json.add("bins", std::int64_t{start.bins()}).add("hop_samples", std::int64_t{start.hop_samples()});
  json.add("algorithmic_delay_samples", std::int64_t{start.algorithmic_delay_samples()});
  json.add("resampler_delay_ns", std::int64_t{start.resampler_delay_ns()});
  json.add("resume_token", token_text(start.resume_token()));
  JsonObject engine;
  engine.add("backend", start.engine().backend()).add("target", start.engine().target());
  engine.add("build", start.engine().build());
  return json.add_json("engine", engine.text()).text();
}

std::string frame_crcs(std::span<const float> values, std::size_t n_bins) {
  std::vector<std::string> crcs;
  for (std::size_t at = 0; at < values.size(); at += n_bins) {
    crcs.push_back(std::to_string(crc32(std::as_bytes(values.subspan(at, n_bins)))));
  }
  return json_array(crcs);
}

std::string block_json(const v1::FeatureBlock& block, std::span<const float> values, const BlockJsonOptions& options) {
  JsonObject json = begin("block", block);
  json.add("first_frame", std::int64_t{block.first_frame()}).add("frame_count", std::int64_t{block.frame_count()});
  json.add("first_sample", std::int64_t{block.first_sample()});
  json.add("capture_time_ns", std::int64_t{block.capture_time_ns()});
  json.add("received_time_ns", std::int64_t{block.received_time_ns()}).add("block_max", block.block_max());
  json.add("running_max", block.running_max()).add("rms_dbfs", block.rms_dbfs()).add("peak_dbfs", block.peak_dbfs());
  json.add("concealed_share", block.concealed_share()).add("flags", std::int64_t{block.flags()});
  json.add("resume_token", token_text(block.resume_token()));
  const std::size_t n_bins =
      block.frame_count() > 0 ? values.size() / static_cast<std::size_t>(block.frame_count()) : 1;
  if (options.crc) json.add_json("frame_crc32", frame_crcs(values, n_bins));
  if (options.values) json.add_json("values", json_rows(values, static_cast<int>(n_bins)));
  return json.text();
}

std::string failure_json(const v1::SubscribeFailure& failure) {
  JsonObject json = begin("failure", failure);
  json.add("next_frame", std::int64_t{failure.next_frame()}).add("code", status_code_name(failure.code()));
  json.add("message", failure.message()).add("resume_token", token_text(failure.resume_token()));
  return json.text();
}

template <typename Message>
void add_loss(JsonObject& json, const Message& message) {
  json.add("reason", gap_reason_name(message.reason())).add("next_sample", std::int64_t{message.next_sample()});
  json.add("lost_samples", std::int64_t{message.lost_samples()});
  json.add("lost_source_samples", std::int64_t{message.lost_source_samples()});
  json.add("resume_token", token_text(message.resume_token()));
}

}  // namespace

std::string response_json(const v1::SubscribeResponse& response, std::span<const float> values,
                          const BlockJsonOptions& options) {
  JsonObject json;
  switch (response.response_case()) {
    case v1::SubscribeResponse::kStart:
      return start_json(response.start());
    case v1::SubscribeResponse::kBlock:
      return block_json(response.block(), values, options);
    case v1::SubscribeResponse::kGap:
      json = begin("gap", response.gap());
      json.add("first_frame", std::int64_t{response.gap().first_frame()});
      json.add("frame_count", std::int64_t{response.gap().frame_count()});
      add_loss(json, response.gap());
      break;
    case v1::SubscribeResponse::kDiscontinuity:
      json = begin("discontinuity", response.discontinuity());
      json.add("next_frame", std::int64_t{response.discontinuity().next_frame()});
      add_loss(json, response.discontinuity());
      break;
    case v1::SubscribeResponse::kEnd:
      json = begin("end", response.end());
      json.add("next_frame", std::int64_t{response.end().next_frame()});
      json.add("reason", end_reason_name(response.end().reason()));
      break;
    case v1::SubscribeResponse::kFailure:
      return failure_json(response.failure());
    default:
      json.add("type", "heartbeat").add("next_frame", std::int64_t{response.heartbeat().next_frame()});
      json.add("waiting_for_stream", response.heartbeat().waiting_for_stream());
      break;
  }
  return json.text();
}

}  // namespace melstream::client
