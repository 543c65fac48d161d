// melstream streams, front-ends and info: what the daemon says of itself.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/feature_names.hpp"
#include "client/json_object.hpp"
#include "client/latency.hpp"
#include "client/number_text.hpp"
#include "client/recipes.hpp"
#include "client/stream_text.hpp"

namespace melstream::client {
namespace {

constexpr double kTimelineRateHz = 16000.0;

void print_front_end(const v1::FrontEndInfo& info, bool json) {
  if (!json) {
    // The text as it is hashed: it ends with a newline or not, the hash's line begins one of its own.
    const bool ends = !info.spec().empty() && info.spec().back() == '\n';
    std::printf("%s%ssha256 %s\n", info.spec().c_str(), ends ? "" : "\n", info.spec_sha256().c_str());
    return;
  }
  JsonObject object;
  object.add("name", info.name()).add("spec", info.spec()).add("sha256", info.spec_sha256());
  std::printf("%s\n", object.text().c_str());
}

std::string front_end_json(const v1::FrontEndInfo& info) {
  std::vector<std::string> normalizations;
  for (const int value : info.normalizations()) {
    normalizations.push_back(json_string(normalization_name(static_cast<v1::Normalization>(value))));
  }
  JsonObject json;
  json.add("name", info.name()).add("sha256", info.spec_sha256()).add("bins", std::int64_t{info.bins()});
  json.add("hop_samples", std::int64_t{info.hop_samples()});
  json.add("algorithmic_delay_samples", std::int64_t{info.algorithmic_delay_samples()});
  json.add("smoothing", info.allows_smoothing()).add_json("normalizations", json_array(normalizations));
  return json.text();
}

std::string megabytes(std::int64_t bytes) { return fixed_number(static_cast<double>(bytes) / 1e6, 0); }

std::string load_json(const v1::ServerLoad& load) {
  JsonObject threads;
  for (const auto& thread : load.threads()) threads.add(thread.name(), thread.cpu_seconds());
  JsonObject json;
  json.add("uptime_seconds", load.uptime_seconds()).add("cpu_seconds", load.cpu_seconds());
  json.add_json("threads_cpu_seconds", threads.text()).add("processors", std::int64_t{load.processors()});
  json.add("resident_bytes", std::int64_t{load.resident_bytes()});
  json.add("resident_bytes_peak", std::int64_t{load.resident_bytes_peak()});
  json.add("tick_busy_ns", std::int64_t{load.tick_busy_ns()})
      .add("engine_busy_ns", std::int64_t{load.engine_busy_ns()});
  json.add("late_ticks", std::int64_t{load.late_ticks()});
  json.add("frames_delivered", std::int64_t{load.frames_delivered()});
  json.add("frames_gapped", std::int64_t{load.frames_gapped()});
  return json.text();
}

}  // namespace

ExitCode run_streams(const StreamsOptions& options) {
  v1::ListStreamsRequest request;
  if (options.has_labels) request.mutable_streams()->set_labels(options.labels);
  const v1::ListStreamsResponse response = Connection(options.common.server).list_streams(request);
  if (options.common.json) {
    std::vector<std::string> streams;
    for (const auto& info : response.streams()) streams.push_back(stream_json(info));
    std::printf("%s\n", json_array(streams).c_str());
    return ExitCode::kOk;
  }
  if (response.streams().empty()) {
    std::puts(options.has_labels ? "no stream has these labels; 'melstream streams' lists all"
                                 : "no streams; publish one with 'melstream push FILE'");
    return ExitCode::kOk;
  }
  std::printf("%-24s %-6s %10s %8s %9s %9s %7s  %s\n", "STREAM", "STATE", "LENGTH", "LOST", "CONCEALED", "LEVEL",
              "READERS", "FRONT ENDS");
  // Live ones first: those that have ended are there for half a minute, and may be many.
  std::vector<const v1::StreamInfo*> ordered;
  for (const auto& info : response.streams()) ordered.push_back(&info);
  std::stable_partition(ordered.begin(), ordered.end(),
                        [](const auto* info) { return info->state() == v1::STREAM_STATE_LIVE; });
  for (const auto* stream : ordered) {
    const v1::StreamInfo& info = *stream;
    std::string front_ends;
    for (const auto& name : info.front_ends()) front_ends += (front_ends.empty() ? "" : " ") + name;
    const double lost = static_cast<double>(info.gap_samples()) / kTimelineRateHz;
    const double concealed = static_cast<double>(info.concealed_samples()) / kTimelineRateHz;
    std::printf("%-24s %-6s %8s s %6s s %7s s %9s %7d  %s\n", info.stream().c_str(), state_name(info.state()),
                fixed_number(static_cast<double>(info.timeline_samples()) / kTimelineRateHz, 1).c_str(),
                fixed_number(lost, 1).c_str(), fixed_number(concealed, 1).c_str(),
                (fixed_number(info.rms_dbfs(), 1) + " dB").c_str(), info.subscriber_count(), front_ends.c_str());
  }
  return ExitCode::kOk;
}

ExitCode run_front_ends(const FrontEndsOptions& options) {
  const Connection connection(options.common.server);
  if (!options.spec.empty()) {
    print_front_end(connection.front_end(resolve_front_end(options.spec)), options.common.json);
    return ExitCode::kOk;
  }
  const v1::ListFrontEndsResponse response = connection.list_front_ends();
  if (options.common.json) {
    std::vector<std::string> front_ends;
    for (const auto& info : response.front_ends()) front_ends.push_back(front_end_json(info));
    std::printf("%s\n", json_array(front_ends).c_str());
    return ExitCode::kOk;
  }
  std::printf("%-18s %5s %8s %8s  %s\n", "FRONT END", "BINS", "HOP", "DELAY", "SHA-256");
  for (const auto& info : response.front_ends()) {
    const double delay_ms = 1000.0 * info.algorithmic_delay_samples() / kTimelineRateHz;
    std::printf("%-18s %5d %5.0f ms %5s ms  %.16s\n", info.name().c_str(), info.bins(),
                1000.0 * info.hop_samples() / kTimelineRateHz, fixed_number(delay_ms, 1).c_str(),
                info.spec_sha256().c_str());
  }
  return ExitCode::kOk;
}

ExitCode run_info(const CommonOptions& options) {
  const Connection connection(options.server);
  const v1::GetServerInfoResponse info = connection.server_info();
  const double uptime = static_cast<double>(unix_now_ns() - info.start_time_ns()) / 1e9;
  if (options.json) {
    JsonObject json;
    json.add("server", connection.server()).add("version", info.version()).add("backend", info.engine().backend());
    json.add("target", info.engine().target()).add("build", info.engine().build());
    json.add("engine_threads", std::int64_t{info.engine_threads()}).add("tick_ms", info.tick_ms());
    json.add("uptime_s", uptime).add("stream_count", std::int64_t{info.stream_count()});
    json.add("max_streams", std::int64_t{info.max_streams()});
    json.add("subscription_count", std::int64_t{info.subscription_count()});
    json.add("history_seconds", info.history_seconds()).add("draining", info.draining());
    json.add("ticks", std::int64_t{info.ticks()}).add("frames_computed", std::int64_t{info.frames_computed()});
    json.add("engine_losses", std::int64_t{info.engine_losses()}).add("engine_loss_reason", info.engine_loss_reason());
    json.add("streams_shed", std::int64_t{info.streams_shed()}).add("frames_shed", std::int64_t{info.frames_shed()});
    json.add("queued_bytes", std::int64_t{info.queued_bytes()});
    json.add("queued_bytes_peak", std::int64_t{info.queued_bytes_peak()});
    json.add("queued_bytes_limit", std::int64_t{info.queued_bytes_limit()});
    json.add("overload_state", std::int64_t{info.overload_state()});
    json.add("memory_bytes", std::int64_t{info.memory_bytes()});
    json.add("memory_limit_bytes", std::int64_t{info.memory_limit_bytes()});
    json.add_json("load", load_json(info.load()));
    std::printf("%s\n", json.text().c_str());
    return ExitCode::kOk;
  }
  std::printf("server         %s\n", connection.server().c_str());
  // The build begins with the version.
  std::printf("version        %s%s\n", info.engine().build().c_str(), info.draining() ? ", draining" : "");
  std::printf("engine         %s %s, %d thread%s, a tick each %s ms\n", info.engine().backend().c_str(),
              info.engine().target().c_str(), info.engine_threads(), info.engine_threads() == 1 ? "" : "s",
              fixed_number(info.tick_ms(), 1).c_str());
  if (info.engine_losses() > 0) std::printf("engine lost    %s\n", info.engine_loss_reason().c_str());
  if (info.frames_shed() > 0) {
    std::printf("overload       %d streams are shed now, %lld frames were never computed\n", info.streams_shed(),
                static_cast<long long>(info.frames_shed()));
  }
  std::printf("up             %s s, %lld ticks, %lld frames\n", fixed_number(uptime, 0).c_str(),
              static_cast<long long>(info.ticks()), static_cast<long long>(info.frames_computed()));
  std::printf("streams        %d of %d, %d subscriptions, %s s of history\n", info.stream_count(), info.max_streams(),
              info.subscription_count(), fixed_number(info.history_seconds(), 0).c_str());
  std::printf("process        %s s of %d processor%s, %s MB in RAM, at most %s so far\n",
              fixed_number(info.load().cpu_seconds(), 1).c_str(), info.load().processors(),
              info.load().processors() == 1 ? "" : "s", megabytes(info.load().resident_bytes()).c_str(),
              megabytes(info.load().resident_bytes_peak()).c_str());
  std::printf("queued         %lld bytes for subscribers, at most %lld so far, never over %lld\n",
              static_cast<long long>(info.queued_bytes()), static_cast<long long>(info.queued_bytes_peak()),
              static_cast<long long>(info.queued_bytes_limit()));
  std::printf("memory         %lld bytes of audio, features and responses, never over %lld; overload state %d\n",
              static_cast<long long>(info.memory_bytes()), static_cast<long long>(info.memory_limit_bytes()),
              info.overload_state());
  return ExitCode::kOk;
}

}  // namespace melstream::client
