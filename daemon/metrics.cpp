// One function a group of families. Seconds and bytes, as Prometheus wants them; labels are closed lists.
#include "daemon/metrics.hpp"

#include <atomic>
#include <cstddef>
#include <string_view>

#include "melstream/engine/build_id.hpp"

#include "daemon/metric_families.hpp"
#include "daemon/process_metrics.hpp"
#include "daemon/version.hpp"

namespace melstream::daemon {
namespace {

constexpr double kSecondsPerNs = 1e-9;
constexpr std::array<std::string_view, pipeline::kNEngineKinds> kEngineNames{"cpu", "cuda"};

template <typename T>
double now(const std::atomic<T>& count) {
  return static_cast<double>(count.load(std::memory_order_relaxed));
}

std::string text(std::string_view view) { return std::string(view); }

/// One value for each name of a closed list.
template <std::size_t N>
void each(MetricFamilies& families, std::string_view label, const std::array<std::string_view, N>& names,
          const std::array<std::atomic<std::int64_t>, N>& counts, double scale = 1.0) {
  for (std::size_t i = 0; i < N; ++i) families.value(now(counts[i]) * scale, {{label, text(names[i])}});
}

std::array<std::string_view, core::kNGapReasons> gap_reasons() {
  std::array<std::string_view, core::kNGapReasons> names{};
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = core::name_of(static_cast<core::GapReason>(i));
  return names;
}

void add_build(MetricFamilies& families, bool has_cuda) {
  const std::string commit = engine::commit();
  families.gauge("build_info", "What this build is; the value is 1.")
      .value(
          1,
          {{"version", version()}, {"commit", commit.empty() ? "unknown" : commit}, {"cuda", has_cuda ? "yes" : "no"}});
}

void add_ingest(MetricFamilies& families, const IngestTotals& totals) {
  const auto reasons = gap_reasons();
  const auto each_kind = [&](const auto& value) {
    for (std::size_t i = 0; i < kSourceKinds.size(); ++i) {
      families.value(value(totals.kinds[i]), {{"source", text(kSourceKinds[i])}});
    }
  };
  families.gauge("streams_active", "Streams that a source writes to.");
  each_kind([](const IngestTotals::Kind& kind) { return now(kind.streams); });
  families.counter("ingest_samples_total", "Samples per channel that were taken in, at the source's rate.");
  each_kind([](const IngestTotals::Kind& kind) { return now(kind.accepted); });
  families.counter("ingest_bytes_total", "Bytes of audio that came in.");
  each_kind([](const IngestTotals::Kind& kind) { return now(kind.n_bytes); });
  families.counter("ingest_dropped_samples_total",
                   "Samples per channel that were lost before the daemon or in it, at the source's rate.");
  for (std::size_t i = 0; i < kSourceKinds.size(); ++i) {
    for (std::size_t r = 0; r < reasons.size(); ++r) {
      families.value(now(totals.kinds[i].dropped[r]),
                     {{"source", text(kSourceKinds[i])}, {"reason", text(reasons[r])}});
    }
  }
}

void add_frames(MetricFamilies& families, const pipeline::Counters& counters) {
  families.counter("streams_opened_total", "Streams that were opened.").value(now(counters.streams_opened));
  families.counter("gap_samples_total", "Samples of all timelines that are missing, at 16 kHz.");
  each(families, "reason", gap_reasons(), counters.gap_samples_by);
  families.counter("frames_computed_total", "Frames that were computed.");
  each(families, "engine", kEngineNames, counters.frames_computed_by);
  families.counter("frames_published_total", "Frames that were put into histories.")
      .value(now(counters.frames_computed));
  families.counter("frames_delivered_total", "Frames that subscribers were sent, each subscriber's counted.")
      .value(now(counters.frames_delivered));
  families.counter("frames_gapped_total", "Frames in gaps that subscribers were told of, each subscriber's counted.");
  each(families, "reason", gap_reasons(), counters.frames_gapped_by);
  families.counter("frames_shed_total", "Frames that were never computed, for overload.")
      .value(now(counters.frames_shed));
  families.gauge("streams_shed", "Streams that get no frames at present, for overload.")
      .value(now(counters.streams_shed));
}

void add_overload(MetricFamilies& families, const pipeline::Counters& counters) {
  families.gauge("overload_state", "0 normal, 1 history is shed, 2 new streams are refused, 3 frames are dropped.")
      .value(now(counters.overload_state));
  families.counter("overload_refused_total", "What clients asked for and did not get, for overload.");
  families.value(now(counters.streams_refused), {{"what", "stream"}});
  families.value(now(counters.front_ends_refused), {{"what", "front_end"}});
  families.value(now(counters.subscriptions_refused), {{"what", "subscription"}});
  families.counter("overload_forgotten_total", "What nobody read and was forgotten before its time, for overload.");
  families.value(now(counters.streams_forgotten), {{"what", "ended_stream"}});
  families.value(now(counters.front_ends_forgotten), {{"what", "front_end"}});
  families.counter("overload_forgotten_rows_total", "Rows of live streams' histories that went before their time.")
      .value(now(counters.rows_forgotten));
  families.gauge("client_memory_bytes", "What clients make the daemon keep, as memory.limit_bytes counts it.")
      .value(now(counters.memory_bytes));
  families.gauge("client_memory_limit_bytes", "memory.limit_bytes, or what it comes to; 0: none.")
      .value(now(counters.memory_limit_bytes));
}

void add_engine(MetricFamilies& families, const MetricSources& sources) {
  const pipeline::Counters& counters = sources.counters;
  families.counter("ticks_total", "Passes of the tick thread over all streams.").value(now(counters.ticks));
  families.counter("late_ticks_total", "Ticks that began over one period late.").value(now(counters.late_ticks));
  families.histogram("batch_size_frames", "Frames of a batch.").tally(counters.batch_frames.counts(), 1.0);
  families.counter("engine_busy_seconds_total", "Time in which batches were computed.");
  each(families, "engine", kEngineNames, counters.engine_busy_ns_by, kSecondsPerNs);
  families.counter("engine_fallbacks_total", "How often the CPU took over from a GPU.")
      .value(static_cast<double>(sources.engine_losses), {{"reason", "engine_lost"}});
}

void add_latency(MetricFamilies& families, const MetricSources& sources) {
  const pipeline::LatencyHistograms& latency = sources.counters.latency;
  families
      .histogram("frame_latency_seconds",
                 "Where the time of live audio goes: capture (until it arrives, by chunk), queue (until its batch "
                 "starts), engine, send (until a response is made), total (from its arrival).")
      .tally(sources.ingest.capture.counts(), kSecondsPerNs, {{"stage", "capture"}})
      .tally(latency.queue.counts(), kSecondsPerNs, {{"stage", "queue"}})
      .tally(latency.engine.counts(), kSecondsPerNs, {{"stage", "engine"}})
      .tally(latency.send.counts(), kSecondsPerNs, {{"stage", "send"}})
      .tally(latency.total.counts(), kSecondsPerNs, {{"stage", "total"}});
}

void add_subscribers(MetricFamilies& families, const MetricSources& sources) {
  const rpc::ServerStats& stats = sources.server.stats();
  families.gauge("subscribers_active", "Subscriptions that are open, each stream's counted.")
      .value(now(sources.counters.subscriptions));
  families.counter("subscriptions_opened_total", "Calls of Subscribe.").value(now(stats.subscriptions_opened));
  families.counter("subscriptions_closed_total", "Calls of Subscribe that are over.");
  each(families, "reason", rpc::kCloseReasons, stats.subscriptions_closed);
  families
      .histogram("subscriber_lag_seconds", "How far subscribers are behind what is computed, looked at twice a second.")
      .tally(stats.subscriber_lag.counts(), kSecondsPerNs);
  families.gauge("subscriber_lag_seconds_max", "How far the slowest subscriber was behind at the last look.")
      .value(now(stats.subscriber_lag_max_ns) * kSecondsPerNs);
}

void add_connections(MetricFamilies& families, const rpc::ServerStats& stats) {
  families.gauge("connections_active", "Connections of gRPC, looked at twice a second.");
  each(families, "listener", rpc::kListenerKinds, stats.connections_active);
  families.counter("connections_accepted_total", "Connections that were handed to gRPC.");
  each(families, "listener", rpc::kListenerKinds, stats.connections_accepted);
  families.counter("connections_rejected_total", "Connections that were closed at once, or could not be accepted.");
  for (std::size_t i = 0; i < rpc::kListenerKinds.size(); ++i) {
    for (std::size_t r = 0; r < rpc::kRejectReasons.size(); ++r) {
      families.value(now(stats.connections_rejected[i][r]),
                     {{"listener", text(rpc::kListenerKinds[i])}, {"reason", text(rpc::kRejectReasons[r])}});
    }
  }
  families.counter("auth_failures_total", "Calls and connections that were refused for who they came from.");
  each(families, "reason", rpc::kAuthFailures, stats.auth_failures);
}

void add_memory(MetricFamilies& families, const MetricSources& sources) {
  families.gauge("queue_bytes", "Memory of what waits: responses that no connection has taken, audio of all streams.")
      .value(static_cast<double>(sources.server.queued_bytes()), {{"queue", "responses"}})
      .value(static_cast<double>(sources.arena.used_bytes), {{"queue", "audio"}});
  families.gauge("queue_limit_bytes", "What queue_bytes may come to.")
      .value(static_cast<double>(sources.server.max_queued_bytes()), {{"queue", "responses"}})
      .value(static_cast<double>(sources.arena.max_bytes), {{"queue", "audio"}});
  families.gauge("audio_memory_locked_bytes", "Audio memory that is locked in RAM.")
      .value(static_cast<double>(sources.arena.locked_bytes));
  families.gauge("audio_memory_mapped_bytes", "Audio memory that is mapped.")
      .value(static_cast<double>(sources.arena.mapped_bytes));
}

void add_microphones(MetricFamilies& families, const MicrophoneFigures& figures) {
  families.counter("capture_xruns_total", "Calls of microphones whose samples had no room.")
      .value(static_cast<double>(figures.xruns));
  families.counter("capture_device_losses_total", "How often a microphone's device was lost.")
      .value(static_cast<double>(figures.device_losses));
  families
      .gauge("capture_drift_ppm", "Clock of the microphone that is off most against this machine's, parts per million.")
      .value(figures.drift_ppm);
}

void add_operation(MetricFamilies& families, const MetricSources& sources) {
  const ReloadStats& reloads = sources.reloads;
  families.gauge("ready", "1 if /readyz says so.").value(sources.is_ready ? 1 : 0);
  families.gauge("config_last_reload_successful", "1 unless the last reload was refused.")
      .value(now(reloads.last_successful));
  families.gauge("config_last_reload_success_timestamp_seconds", "Unix time of the config that is in effect.")
      .value(now(reloads.last_success_unix_s));
  families.counter("config_reload_failures_total", "Reloads that were refused.").value(now(reloads.failures));
  families
      .gauge("tls_certificate_expiry_timestamp_seconds",
             "Unix time at which the server's certificate expires; 0 without one.")
      .value(now(reloads.tls_expiry_unix_s));
  families.counter("watchdog_stalls_total", "How often a thread's loop stopped moving.");
  for (std::size_t i = 0; i < kLoopNames.size(); ++i) {
    families.value(static_cast<double>(sources.liveness.n_stalls(static_cast<Loop>(i))),
                   {{"loop", text(kLoopNames[i])}});
  }
  families.counter("log_messages_total", "Lines of the log, dropped and suppressed ones included.");
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
    families.value(static_cast<double>(sources.log.n_messages(level)), {{"level", text(name_of(level))}});
  }
  families.counter("log_dropped_total", "Lines of the log that were lost: nobody took them fast enough.")
      .value(static_cast<double>(sources.log.n_dropped()));
}

}  // namespace

std::string metrics_text(const MetricSources& sources) {
  MetricFamilies families;
  add_build(families, sources.has_cuda);
  add_ingest(families, sources.ingest);
  add_frames(families, sources.counters);
  add_overload(families, sources.counters);
  add_engine(families, sources);
  add_latency(families, sources);
  add_subscribers(families, sources);
  add_connections(families, sources.server.stats());
  add_memory(families, sources);
  add_microphones(families, sources.microphones);
  add_operation(families, sources);
  add_process_metrics(families);
  return families.text();
}

}  // namespace melstream::daemon
