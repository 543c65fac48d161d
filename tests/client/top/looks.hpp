// Made-up answers of a daemon.
#pragma once

#include <string>

#include "client/top/top_model.hpp"

namespace melstream::client {

/// At a time of the daemon, whose clock is also ours: nothing has been done yet, with 2 processors.
inline TopLook make_look(double time_s) {
  TopLook look;
  look.time_s = time_s;
  look.info.set_version("1.2.3");
  look.info.mutable_engine()->set_backend("cpu");
  look.info.mutable_engine()->set_target("avx2");
  look.info.set_tick_ms(10);
  look.info.mutable_load()->set_uptime_seconds(time_s);
  look.info.mutable_load()->set_processors(2);
  return look;
}

inline v1::StreamInfo& add_stream(TopLook& look, const std::string& id, std::uint64_t epoch = 1) {
  v1::StreamInfo& stream = *look.streams.add_streams();
  stream.set_stream(id);
  stream.set_epoch(epoch);
  stream.set_state(v1::STREAM_STATE_LIVE);
  return stream;
}

inline v1::SubscriptionInfo& add_subscription(TopLook& look, const std::string& streams, std::int64_t lag_frames) {
  v1::SubscriptionInfo& subscription = *look.subscriptions.add_subscriptions();
  subscription.set_peer("unix:");
  subscription.set_streams(streams);
  subscription.set_front_end("whisper-80");
  subscription.set_lag_frames(lag_frames);
  return subscription;
}

}  // namespace melstream::client
