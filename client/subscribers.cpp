// melstream subscribers: who reads, and how far each is behind.
#include <cstdio>
#include <string>
#include <vector>

#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/json_object.hpp"
#include "client/number_text.hpp"

namespace melstream::client {
namespace {

std::string subscription_json(const v1::SubscriptionInfo& info) {
  JsonObject json;
  json.add("peer", info.peer()).add("streams", info.streams()).add("front_end", info.front_end());
  json.add("stream_count", std::int64_t{info.stream_count()}).add("lag_frames", std::int64_t{info.lag_frames()});
  json.add("delivered_frames", std::int64_t{info.delivered_frames()});
  json.add("gap_frames", std::int64_t{info.gap_frames()}).add("responses", std::int64_t{info.responses()});
  json.add_json("unacknowledged_responses",
                info.has_unacknowledged_responses() ? std::to_string(info.unacknowledged_responses()) : "null");
  json.add("queued_bytes", std::int64_t{info.queued_bytes()}).add("stalled_seconds", info.stalled_seconds());
  return json.text();
}

void print_row(const v1::SubscriptionInfo& info) {
  const std::string unacknowledged =
      info.has_unacknowledged_responses() ? std::to_string(info.unacknowledged_responses()) : "-";
  // Who is healthy has no figure that looks like one of a sick one.
  const std::string stalled = info.stalled_seconds() > 0 ? fixed_number(info.stalled_seconds(), 1) + " s" : "-";
  std::printf("%-24s %-24s %6d %-16s %8lld %10lld %8lld %8s %8lld %8s\n", info.peer().c_str(), info.streams().c_str(),
              info.stream_count(), info.front_end().c_str(), static_cast<long long>(info.lag_frames()),
              static_cast<long long>(info.delivered_frames()), static_cast<long long>(info.gap_frames()),
              unacknowledged.c_str(), static_cast<long long>(info.queued_bytes()), stalled.c_str());
}

}  // namespace

ExitCode run_subscribers(const CommonOptions& options) {
  const v1::ListSubscriptionsResponse response = Connection(options.server).list_subscriptions();
  if (options.json) {
    std::vector<std::string> subscriptions;
    for (const auto& info : response.subscriptions()) subscriptions.push_back(subscription_json(info));
    std::printf("%s\n", json_array(subscriptions).c_str());
    return ExitCode::kOk;
  }
  if (response.subscriptions().empty()) {
    std::puts("no subscribers; follow a stream with 'melstream subscribe STREAM --front-end NAME'");
    return ExitCode::kOk;
  }
  std::printf("%-24s %-24s %6s %-16s %8s %10s %8s %8s %8s %8s\n", "PEER", "STREAMS", "COUNT", "FRONT END", "LAG",
              "DELIVERED", "GAPS", "UNACKED", "QUEUED", "STALLED");
  for (const auto& info : response.subscriptions()) print_row(info);
  return ExitCode::kOk;
}

}  // namespace melstream::client
