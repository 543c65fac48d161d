#include "client/view.hpp"

#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <poll.h>

#include "client/feature_names.hpp"
#include "client/feature_plan.hpp"
#include "client/screen.hpp"
#include "client/subscriber.hpp"
#include "client/subscription_request.hpp"
#include "client/subscription_totals.hpp"

namespace melstream::client {
namespace {

constexpr double kTimelineRateHz = 16000.0;
/// What the picture can show at most: it begins full if the stream is older.
constexpr double kSecondsBack = 10;

/// The only live stream. Throws ClientError, listing them, if there is none or more than one.
std::string only_live_stream(const Connection& connection) {
  std::vector<std::string> live;
  const v1::ListStreamsResponse response = connection.list_streams();
  for (const auto& info : response.streams()) {
    if (info.state() == v1::STREAM_STATE_LIVE) live.push_back(info.stream());
  }
  if (live.size() == 1) return live[0];
  if (live.empty()) {
    throw ClientError(ExitCode::kFailure,
                      "no stream is live; publish one with 'melstream push FILE', or name one that "
                      "is to come and add --wait");
  }
  std::string names;
  for (const auto& name : live) names += "\n  " + name;
  throw ClientError(ExitCode::kUsage, "more than one stream is live; name one of:" + names);
}

/// The first live stream to come. Empty if the user does not want to wait any longer.
std::string first_live_stream(const Connection& connection, const Interrupt& interrupt) {
  constexpr int kPollMs = 300;
  std::fprintf(stderr, "melstream: waiting for a stream\n");
  while (!interrupt.requested()) {
    const v1::ListStreamsResponse response = connection.list_streams();
    for (const auto& info : response.streams()) {
      if (info.state() == v1::STREAM_STATE_LIVE) return info.stream();
    }
    pollfd stop{interrupt.fd(), POLLIN, 0};
    poll(&stop, 1, kPollMs);
  }
  return {};
}

/// What goes on from one life of the stream to the next.
struct View {
  std::int64_t n_shown = 0;  ///< frames
  std::uint64_t epoch = 0;   ///< of the life shown last
};

/// Waits until the stream lives with another epoch than this. False if the user does not want to wait any longer.
bool wait_for_next_life(const Connection& connection, const std::string& stream, std::uint64_t epoch,
                        const Interrupt& interrupt) {
  constexpr int kPollMs = 300;
  while (!interrupt.requested()) {
    const v1::ListStreamsResponse response = connection.list_streams();
    for (const auto& info : response.streams()) {
      if (info.stream() == stream && info.epoch() != epoch && info.state() == v1::STREAM_STATE_LIVE) return true;
    }
    pollfd stop{interrupt.fd(), POLLIN, 0};
    poll(&stop, 1, kPollMs);
  }
  return false;
}

/// Shows one life of the stream. True if the viewer shall go on with the next.
bool show(Subscriber& subscriber, const ViewOptions& options, bool plain, View& view, SubscriptionTotals& totals) {
  v1::SubscribeResponse response;
  std::optional<Screen> screen;
  ScreenStatus status;
  std::vector<float> values;
  int bins = 0;
  bool told = false;  ///< that the stream is waited for
  while (subscriber.next(response)) {
    if (response.has_heartbeat() && response.heartbeat().waiting_for_stream() && !std::exchange(told, true)) {
      std::fprintf(stderr, "melstream: waiting for the stream; 'melstream sources' tells what the daemon captures\n");
    }
    const std::int64_t now_ns = unix_now_ns();
    totals.note(response, now_ns);
    if (response.has_start()) {
      const auto& start = response.start();
      bins = start.bins();
      view.epoch = start.epoch();
      status.stream = start.stream();
      screen.emplace(plain, kTimelineRateHz / start.hop_samples());
    } else if (response.has_block()) {
      const auto& block = response.block();
      decode_values(block.values(), v1::ELEMENT_TYPE_FLOAT32, block.frame_count(), bins, values);
      status.seconds = static_cast<double>(block.first_sample()) / kTimelineRateHz;
      status.rms_dbfs = block.rms_dbfs();
      status.peak_dbfs = block.peak_dbfs();
      status.latency_ms = static_cast<double>(now_ns - block.received_time_ns()) / 1e6;
      status.gaps = totals.gaps();
      screen->add(values, bins, status);
      view.n_shown += block.frame_count();
      if (options.n_frames > 0 && view.n_shown >= options.n_frames) return false;
    }
  }
  return !options.until_end && totals.ended();
}

}  // namespace

ExitCode run_view(const ViewOptions& options) {
  Interrupt interrupt;
  return view_stream(options, Connection(options.common.server), interrupt);
}

ExitCode view_stream(const ViewOptions& options, const Connection& connection, Interrupt& interrupt) {
  const FeaturePlan plan = plan_features(options.features);
  refuse_window_normalization(plan.normalization);
  v1::SubscribeConfig config;
  *config.mutable_features() = make_feature_request(plan, connection.front_end(plan.front_end), false);
  std::string stream = options.stream;
  if (stream.empty()) {
    stream = options.wait ? first_live_stream(connection, interrupt) : only_live_stream(connection);
    if (stream.empty()) return ExitCode::kOk;
  }
  config.set_stream(stream);
  config.set_seconds_back(kSecondsBack);
  config.set_wait(options.wait);
  const bool plain = options.plain || !stdout_takes_colours();
  View view;
  bool again = true;
  std::string summary;
  while (again && !interrupt.requested()) {
    SubscriptionTotals totals;
    Subscriber subscriber(connection, config);
    const InterruptAction cancel(&interrupt, [&] { subscriber.cancel(); });
    again = show(subscriber, options, plain, view, totals);
    summary = totals.text();
    if (totals.ended() && totals.end_reason() != v1::END_REASON_COMPLETED) {
      std::fprintf(stderr, "melstream: the stream ended early: %s\n", end_reason_name(totals.end_reason()).c_str());
    }
    // The next life of the stream, from its beginning; the one that ended stays readable for a while.
    again = again && wait_for_next_life(connection, stream, view.epoch, interrupt);
    config.set_wait(true);
    config.set_frame(0);
  }
  if (options.summary) std::printf("%s\n", summary.c_str());
  return ExitCode::kOk;
}

}  // namespace melstream::client
