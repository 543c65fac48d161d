// melstream subscribe: follows one front end of one stream.
#include <cstdio>
#include <memory>
#include <string_view>
#include <vector>

#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/feature_names.hpp"
#include "client/feature_plan.hpp"
#include "client/interrupt.hpp"
#include "client/response_writer.hpp"
#include "client/subscriber.hpp"
#include "client/subscription_request.hpp"
#include "client/subscription_totals.hpp"

namespace melstream::client {
namespace {

bool ends_with(std::string_view text, std::string_view suffix) {
  return text.size() > suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

std::vector<std::unique_ptr<ResponseWriter>> make_writers(const SubscribeOptions& options) {
  if (!options.fill_gaps.empty() && options.fill_gaps != "nan") {
    throw ClientError(ExitCode::kUsage, "--fill-gaps '" + options.fill_gaps + "': use nan");
  }
  std::vector<std::unique_ptr<ResponseWriter>> writers;
  const std::string& path = options.out_path;
  if (ends_with(path, ".npy")) {
    writers.push_back(make_npy_writer(path, options.fill_gaps == "nan"));
  } else if (ends_with(path, ".jsonl")) {
    writers.push_back(make_json_writer(path));
  } else if (!path.empty() && path != "-") {
    throw ClientError(ExitCode::kUsage, "--out '" + path + "': use a name that ends in .npy or .jsonl, or -");
  }
  if (options.common.json || path == "-") {
    writers.push_back(make_json_writer("-"));
  } else if (path.empty()) {
    writers.push_back(make_text_writer());
  }
  return writers;
}

v1::SubscribeConfig make_config(const SubscribeOptions& options) {
  v1::SubscribeConfig config;
  config.set_stream(options.stream);
  config.set_block_frames(options.block_frames);
  config.set_max_delay_ms(options.max_delay_ms);
  config.set_slow_policy(parse_slow_policy(options.policy));
  config.set_wait(options.wait);
  set_start(options.start, config);
  return config;
}

/// Leaves at most the first n_frames of a block.
void cut_block(v1::FeatureBlock& block, std::int64_t n_frames) {
  if (block.frame_count() <= n_frames) return;
  const std::size_t frame_bytes = block.values().size() / static_cast<std::size_t>(block.frame_count());
  block.mutable_values()->resize(frame_bytes * static_cast<std::size_t>(n_frames));
  block.set_frame_count(static_cast<std::int32_t>(n_frames));
}

/// Takes responses until the end, the user's stop, or the number of frames asked for.
void follow(Subscriber& subscriber, const SubscribeOptions& options, v1::ElementType type,
            const std::vector<std::unique_ptr<ResponseWriter>>& writers, SubscriptionTotals& totals) {
  v1::SubscribeResponse response;
  std::vector<float> values;
  int bins = 0;
  while ((options.n_frames == 0 || totals.frames() < options.n_frames) && subscriber.next(response)) {
    const std::int64_t now_ns = unix_now_ns();
    if (response.has_block() && options.n_frames > 0) {
      cut_block(*response.mutable_block(), options.n_frames - totals.frames());
    }
    totals.note(response, now_ns);
    values.clear();
    if (response.has_start()) bins = response.start().bins();
    if (response.has_block()) {
      decode_values(response.block().values(), type, response.block().frame_count(), bins, values);
    }
    for (const auto& writer : writers) writer->write(response, values, now_ns);
  }
}

}  // namespace

ExitCode run_subscribe(const SubscribeOptions& options) {
  Interrupt interrupt;
  const FeaturePlan plan = plan_features(options.features);
  refuse_window_normalization(plan.normalization);
  v1::SubscribeConfig config = make_config(options);
  const v1::ElementType type = parse_element_type(options.element_type);
  const auto writers = make_writers(options);
  const Connection connection(options.common.server);
  *config.mutable_features() = make_feature_request(plan, connection.front_end(plan.front_end), false);
  config.mutable_features()->set_element_type(type);
  SubscriptionTotals totals;
  {
    Subscriber subscriber(connection, config);
    const InterruptAction cancel(&interrupt, [&] { subscriber.cancel(); });
    follow(subscriber, options, type, writers, totals);
  }
  // Also after Ctrl-C: what came until then is whole.
  for (const auto& writer : writers) writer->finish();
  std::fprintf(stderr, "melstream: %s\n", totals.text().c_str());
  const bool lost = totals.ended() && totals.end_reason() != v1::END_REASON_COMPLETED;
  if (lost) {
    std::fprintf(stderr, "melstream: the stream ended early: %s\n", end_reason_name(totals.end_reason()).c_str());
  }
  // A .npy has no place for the reason, so the exit code tells.
  return lost && ends_with(options.out_path, ".npy") ? ExitCode::kFailure : ExitCode::kOk;
}

}  // namespace melstream::client
