#include "client/stream_text.hpp"

#include <cstdint>
#include <vector>

#include "client/json_object.hpp"

namespace melstream::client {

const char* state_name(v1::StreamState state) noexcept {
  return state == v1::STREAM_STATE_LIVE ? "live" : (state == v1::STREAM_STATE_ENDED ? "ended" : "forgotten");
}

std::string labels_json(const v1::StreamInfo& info) {
  JsonObject labels;
  for (const auto& [key, value] : info.labels()) labels.add(key, value);
  return labels.text();
}

std::string stream_json(const v1::StreamInfo& info) {
  std::vector<std::string> front_ends;
  for (const auto& name : info.front_ends()) front_ends.push_back(json_string(name));
  JsonObject json;
  json.add("stream", info.stream()).add("epoch", std::to_string(info.epoch())).add("state", state_name(info.state()));
  json.add_json("labels", labels_json(info)).add("opened_time_ns", std::int64_t{info.opened_time_ns()});
  json.add("timeline_samples", std::int64_t{info.timeline_samples()});
  json.add("gap_samples", std::int64_t{info.gap_samples()});
  json.add("concealed_samples", std::int64_t{info.concealed_samples()});
  json.add("suppressed_samples", std::int64_t{info.suppressed_samples()});
  json.add("rms_dbfs", info.rms_dbfs()).add("peak_dbfs", info.peak_dbfs());
  json.add_json("front_ends", json_array(front_ends));
  json.add("subscriber_count", std::int64_t{info.subscriber_count()}).add("fast", info.fast());
  json.add_json("behind_ns", info.has_behind_ns() ? std::to_string(info.behind_ns()) : "null");
  json.add_json("audio_held", "[" + std::to_string(info.audio_held().begin_sample()) + ", " +
                                  std::to_string(info.audio_held().end_sample()) + "]");
  return json.text();
}

}  // namespace melstream::client
