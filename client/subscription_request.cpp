#include "client/subscription_request.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <string_view>
#include <system_error>

#include "client/feature_names.hpp"
#include "client/feature_plan.hpp"

namespace melstream::client {
namespace {

/// The number after a prefix; false if the text is anything else.
template <typename Number>
bool parse_after(std::string_view text, std::string_view prefix, Number& number) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  const char* end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data() + prefix.size(), end, number);
  return error == std::errc() && next == end;
}

}  // namespace

void set_streams(const SubscribeOptions& options, v1::SubscribeConfig& config) {
  const int n_ways = (options.streams.empty() ? 0 : 1) + (options.labels.empty() ? 0 : 1) + (options.all ? 1 : 0);
  if (n_ways != 1) {
    throw ClientError(ExitCode::kUsage, "say which streams by one of: their ids, --labels EXPRESSION, --all");
  }
  if (options.all) {
    config.mutable_streams()->mutable_all();
    return;
  }
  if (!options.labels.empty()) {
    config.mutable_streams()->set_labels(options.labels);
    return;
  }
  const std::set<std::string> ids(options.streams.begin(), options.streams.end());
  if (ids.count("") != 0) throw ClientError(ExitCode::kUsage, "the id of a stream is not empty");
  if (ids.size() == 1) {
    config.set_stream(*ids.begin());
    return;
  }
  for (const auto& id : ids) config.mutable_streams()->mutable_ids()->add_ids(id);
}

void set_start(const std::string& text, v1::SubscribeConfig& config) {
  std::int64_t frame = 0;
  double seconds = 0;
  if (text == "live") {
    config.mutable_live();
  } else if (parse_after(text, "frame:", frame) && frame >= 0) {
    if (config.has_streams()) {
      throw ClientError(ExitCode::kUsage, "--start '" + text +
                                              "': many streams have no frame in common; use live or back:SECONDS, or "
                                              "subscribe to one stream");
    }
    config.set_frame(frame);
  } else if (parse_after(text, "back:", seconds) && std::isfinite(seconds) && seconds >= 0) {
    config.set_seconds_back(seconds);
  } else {
    throw ClientError(ExitCode::kUsage, "--start '" + text + "': use live, frame:N or back:SECONDS");
  }
}

v1::SubscribeConfig make_subscribe_config(const SubscribeOptions& options) {
  v1::SubscribeConfig config;
  set_streams(options, config);
  config.set_block_frames(options.block_frames);
  config.set_max_delay_ms(options.max_delay_ms);
  config.set_slow_policy(parse_slow_policy(options.policy));
  config.set_wait(options.wait && !config.has_streams());
  set_start(options.start, config);
  return config;
}

void start_after_outage(const std::string& start, std::chrono::nanoseconds outage, v1::SubscribeConfig& config) {
  set_start(start, config);
  const double outage_seconds = std::chrono::duration<double>(outage).count();
  config.set_seconds_back(std::max(config.seconds_back(), outage_seconds));
}

v1::SlowPolicy parse_slow_policy(const std::string& text) {
  std::string wanted = text;
  std::replace(wanted.begin(), wanted.end(), '-', '_');
  if (wanted == "drop_oldest") return v1::SLOW_POLICY_DROP_OLDEST;
  if (wanted == "disconnect") return v1::SLOW_POLICY_DISCONNECT;
  if (wanted == "block") return v1::SLOW_POLICY_BLOCK;
  throw ClientError(ExitCode::kUsage, "--policy '" + text + "': use drop_oldest, disconnect or block");
}

void refuse_window_normalization(v1::Normalization normalization) {
  if (!is_window_normalization(normalization)) return;
  throw ClientError(ExitCode::kUsage, std::string("the normalization ") + normalization_name(normalization) +
                                          " needs a whole window: use 'melstream window' or 'melstream extract', or "
                                          "running_max here");
}

}  // namespace melstream::client
