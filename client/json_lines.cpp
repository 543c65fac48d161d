#include "client/json_lines.hpp"

#include "client/feature_names.hpp"
#include "client/json_object.hpp"

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
  JsonObject engine;
  engine.add("backend", start.engine().backend()).add("target", start.engine().target());
  engine.add("build", start.engine().build());
  return json.add_json("engine", engine.text()).text();
}

std::string block_json(const v1::FeatureBlock& block, std::span<const float> values, int bins) {
  JsonObject json = begin("block", block);
  json.add("first_frame", std::int64_t{block.first_frame()}).add("n_frames", std::int64_t{block.frame_count()});
  json.add("first_sample", std::int64_t{block.first_sample()}).add("capture_ns", std::int64_t{block.capture_time_ns()});
  json.add("received_ns", std::int64_t{block.received_time_ns()}).add("block_max", block.block_max());
  json.add("running_max", block.running_max()).add("rms_dbfs", block.rms_dbfs()).add("peak_dbfs", block.peak_dbfs());
  json.add("concealed_share", block.concealed_share()).add("flags", std::int64_t{block.flags()});
  return json.add_json("values", json_rows(values, bins)).text();
}

template <typename Message>
void add_loss(JsonObject& json, const Message& message) {
  json.add("reason", gap_reason_name(message.reason())).add("next_sample", std::int64_t{message.next_sample()});
  json.add("lost_samples", std::int64_t{message.lost_samples()});
  json.add("lost_source_samples", std::int64_t{message.lost_source_samples()});
}

}  // namespace

std::string response_json(const v1::SubscribeResponse& response, std::span<const float> values, int bins) {
  JsonObject json;
  switch (response.response_case()) {
    case v1::SubscribeResponse::kStart:
      return start_json(response.start());
    case v1::SubscribeResponse::kBlock:
      return block_json(response.block(), values, bins);
    case v1::SubscribeResponse::kGap:
      json = begin("gap", response.gap());
      json.add("first_frame", std::int64_t{response.gap().first_frame()});
      json.add("n_frames", std::int64_t{response.gap().frame_count()});
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
    default:
      json.add("type", "heartbeat").add("next_frame", std::int64_t{response.heartbeat().next_frame()});
      json.add("waiting_for_stream", response.heartbeat().waiting_for_stream());
      break;
  }
  return json.text();
}

}  // namespace melstream::client
