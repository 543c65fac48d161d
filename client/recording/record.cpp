// melstream record: keeps what a subscription receives, for `melstream play`.
#include <cstdio>
#include <utility>
#include <vector>

#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/feature_names.hpp"
#include "client/feature_plan.hpp"
#include "client/interrupt.hpp"
#include "client/latency.hpp"
#include "client/recording/recording_file.hpp"
#include "client/subscription_request.hpp"
#include "client/subscription_session.hpp"

namespace melstream::client {

ExitCode run_record(const SubscribeOptions& options) {
  Interrupt interrupt;
  const FeaturePlan plan = plan_features(options.features);
  refuse_window_normalization(plan.normalization);
  v1::SubscribeConfig config = make_subscribe_config(options);
  Connection connection(options.common.server);
  v1::RecordingHeader header;
  header.set_recorder(MELSTREAM_VERSION);
  header.set_begin_time_ns(unix_now_ns());
  *header.mutable_front_end() = connection.front_end(plan.front_end);
  *config.mutable_features() = make_feature_request(plan, header.front_end(), false);
  config.mutable_features()->set_element_type(parse_element_type(options.element_type));
  *header.mutable_features() = config.features();
  std::vector<std::unique_ptr<ResponseWriter>> writers;
  writers.push_back(std::make_unique<RecordingWriter>(options.out_path, header));
  const bool many = config.has_streams();
  SubscriptionSession session(options, std::move(config), interrupt, std::move(writers));
  session.run(std::move(connection));
  session.complete();
  const SubscriptionTotals& totals = session.totals();
  std::fprintf(stderr, "melstream: %s: %s\n", options.out_path.c_str(),
               many ? totals.text_of_many().c_str() : totals.text().c_str());
  return totals.failures() > 0 ? ExitCode::kFailure : ExitCode::kOk;
}

}  // namespace melstream::client
