#include "client/load/load_report.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "client/json_object.hpp"
#include "client/number_text.hpp"

namespace melstream::client {
namespace {

std::string count(std::int64_t n) { return std::to_string(n); }

std::string percent(double share) { return fixed_number(100 * share, 0) + " %"; }

std::string megabytes(std::int64_t bytes) { return fixed_number(static_cast<double>(bytes) / 1e6, 0) + " MB"; }

std::string quantiles(const LatencyHistogram& latency) {
  return "p50 " + fixed_number(latency.quantile_ms(0.5), 1) + ", p99 " + fixed_number(latency.quantile_ms(0.99), 1) +
         ", p99.9 " + fixed_number(latency.quantile_ms(0.999), 1) + ", largest " +
         fixed_number(latency.largest_ms(), 1) + " ms";
}

/// " (CAPTURE_OVERFLOW 12, NET_LOSS 3)", or nothing.
std::string by_reason(const std::map<std::string, std::int64_t>& counts) {
  std::string text;
  for (const auto& [reason, n] : counts) text += (text.empty() ? " (" : ", ") + reason + " " + count(n);
  return text.empty() ? text : text + ")";
}

std::int64_t chunks_dropped(const LoadFacts& facts) {
  const std::int64_t samples = std::max<std::int64_t>(1, facts.chunk_samples);
  return facts.chunks_lost + (facts.dropped_samples + samples - 1) / samples;
}

class Lines {
 public:
  void add(const std::string& key, const std::string& value) {
    std::string padded = key;
    padded.resize(std::max<std::size_t>(padded.size() + 1, 15), ' ');
    text_ += padded + value + "\n";
  }
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

void add_daemon(const LoadFacts& facts, Lines& lines) {
  const DaemonUse& daemon = facts.daemon;
  if (!daemon.known) {
    lines.add("daemon", "its load is not known: it did not answer, was started anew, or is too old to tell");
    return;
  }
  std::string engine = daemon.backend + " " + daemon.target;
  if (daemon.backend == "cpu") {
    engine += ", " + count(daemon.engine_threads) + (daemon.engine_threads == 1 ? " thread" : " threads");
  } else {
    engine += "; how busy the GPU is was not measured";
  }
  if (daemon.engine_lost) engine += "; an engine was lost meanwhile";
  lines.add("engine", engine + "; the tick takes " + percent(daemon.tick_share) + " of its period of " +
                          fixed_number(daemon.tick_ms, 0) + " ms, " + count(daemon.late_ticks) + " began late");
  lines.add("daemon CPU",
            percent(daemon.cpu_s / daemon.wall_s) + " of one processor (it has " + count(daemon.processors) + "); " +
                fixed_number(1e3 * daemon.cpu_s / daemon.wall_s / facts.n_streams, 2) + " ms a second and stream");
  lines.add("daemon memory", megabytes(daemon.resident_bytes) + " in RAM, at most " +
                                 megabytes(daemon.resident_bytes_peak) + " so far; " +
                                 megabytes(daemon.queued_bytes_peak) + " queued for readers at most");
}

void add_generator(const LoadFacts& facts, Lines& lines) {
  const GeneratorUse& generator = facts.generator;
  const double wall_s = std::max(facts.measured_s, 1e-3);
  std::string text = percent(generator.cpu_s / wall_s) + " of one processor, its busiest thread " +
                     percent(generator.busiest_share) + "; chunks late by " +
                     fixed_number(facts.lateness.quantile_ms(0.99), 1) + " ms (p99)";
  if (facts.chunks_held_back > 0) text += ", " + count(facts.chunks_held_back) + " held back by the connection";
  lines.add("generator", text);
  lines.add("machine",
            percent(generator.machine_share) + " of " + count(generator.machine_processors) + " processors busy" +
                (facts.daemon.is_local ? ", daemon, generator and all else together" : " (the generator's)"));
}

}  // namespace

std::string report_text(const LoadFacts& facts, const Verdict& verdict, const std::string& format) {
  Lines lines;
  lines.add("verdict", std::string(verdict.sustained ? "SUSTAINED" : "NOT SUSTAINED") + ": " + count(facts.n_streams) +
                           " streams for " + fixed_number(facts.measured_s, 1) + " s" +
                           (facts.interrupted ? ", interrupted" : ""));
  for (const std::string& reason : verdict.reasons) lines.add("", reason);
  lines.add("limit", verdict.limit);
  if (!verdict.busiest.empty()) {
    lines.add("headroom", "the daemon's busiest resource is " + verdict.busiest + ", " +
                              percent(verdict.busiest_share) + "; in proportion, 80 % is reached at about " +
                              count(verdict.room_for) + " streams");
  }
  lines.add("audio in", format + ", chunks of " + count(facts.chunk_ms) + " ms by " +
                            (facts.batch ? "StreamAudioBatch" : "a call a stream") + ": " + count(facts.chunks_sent) +
                            " sent, " + count(chunks_dropped(facts)) + " lost" + by_reason(facts.dropped_by));
  if (facts.readers == "none") {
    lines.add("features out", "no readers");
  } else {
    lines.add("features out",
              facts.front_end + ", " + (facts.readers == "one" ? "a call a stream" : "many streams a call") + ": " +
                  count(facts.frames_delivered) + " frames of at least " + count(facts.frames_expected) + "; " +
                  count(facts.frames_gapped) + " in " + count(facts.losses) + " gaps" + by_reason(facts.gapped_by));
    lines.add("latency", quantiles(facts.latency) + " from a row's newest sample to its receipt");
    lines.add("of it added", quantiles(facts.added) + " by daemon and wire, for a block's last row" +
                                 (facts.daemon.is_local ? "" : "; if both clocks agree"));
  }
  add_daemon(facts, lines);
  add_generator(facts, lines);
  return lines.text();
}

namespace {

std::string counts_json(const std::map<std::string, std::int64_t>& counts) {
  JsonObject json;
  for (const auto& [key, n] : counts) json.add(key, n);
  return json.text();
}

std::string latency_json(const LatencyHistogram& latency) {
  JsonObject json;
  json.add("p50", latency.quantile_ms(0.5)).add("p99", latency.quantile_ms(0.99));
  json.add("p99_9", latency.quantile_ms(0.999)).add("largest", latency.largest_ms());
  return json.add("count", latency.count()).text();
}

std::string daemon_json(const DaemonUse& daemon) {
  JsonObject threads;
  for (const auto& [name, share] : daemon.thread_shares) threads.add(name, share);
  JsonObject json;
  json.add("known", daemon.known).add("backend", daemon.backend).add("target", daemon.target);
  json.add("engine_threads", std::int64_t{daemon.engine_threads}).add("tick_ms", daemon.tick_ms);
  json.add("wall_s", daemon.wall_s).add("cpu_s", daemon.cpu_s).add("processors", std::int64_t{daemon.processors});
  json.add_json("thread_shares", threads.text()).add("tick_share", daemon.tick_share);
  json.add("engine_share", daemon.engine_share).add("late_ticks", daemon.late_ticks);
  json.add("resident_bytes", daemon.resident_bytes).add("resident_bytes_peak", daemon.resident_bytes_peak);
  json.add("queued_bytes_peak", daemon.queued_bytes_peak);
  json.add("most_streams_shed", std::int64_t{daemon.most_streams_shed});
  json.add("unanswered", std::int64_t{daemon.unanswered}).add("engine_lost", daemon.engine_lost);
  return json.add("is_local", daemon.is_local).text();
}

std::string generator_json(const LoadFacts& facts) {
  const GeneratorUse& generator = facts.generator;
  JsonObject json;
  json.add("threads", std::int64_t{generator.n_threads}).add("busiest_share", generator.busiest_share);
  json.add("cpu_s", generator.cpu_s).add_json("lateness_ms", latency_json(facts.lateness));
  json.add("machine_share", generator.machine_share);
  return json.add("machine_processors", std::int64_t{generator.machine_processors}).text();
}

}  // namespace

std::string report_json(const LoadFacts& facts, const Verdict& verdict, const std::string& format) {
  std::vector<std::string> reasons;
  reasons.reserve(verdict.reasons.size());
  for (const std::string& reason : verdict.reasons) reasons.push_back(json_string(reason));
  JsonObject failures;
  for (const auto& [said, n] : facts.failures) failures.add(said, std::int64_t{n});
  JsonObject json;
  json.add("sustained", verdict.sustained).add_json("reasons", json_array(reasons)).add("limit", verdict.limit);
  json.add("busiest", verdict.busiest).add("busiest_share", verdict.busiest_share);
  json.add("room_for_streams", std::int64_t{verdict.room_for});
  json.add("streams", std::int64_t{facts.n_streams}).add("measured_s", facts.measured_s);
  json.add("interrupted", facts.interrupted).add("format", format).add("front_end", facts.front_end);
  json.add("batch", facts.batch).add("readers", facts.readers).add("chunk_ms", std::int64_t{facts.chunk_ms});
  json.add("chunks_sent", facts.chunks_sent).add("chunks_lost", chunks_dropped(facts));
  json.add("chunks_held_back", facts.chunks_held_back).add("samples_dropped", facts.dropped_samples);
  json.add_json("samples_dropped_by", counts_json(facts.dropped_by)).add_json("failures", failures.text());
  json.add("frames_expected", facts.frames_expected).add("frames_delivered", facts.frames_delivered);
  json.add("frames_gapped", facts.frames_gapped).add_json("frames_gapped_by", counts_json(facts.gapped_by));
  json.add("gaps", facts.losses).add("holes", facts.holes).add("streams_ended", std::int64_t{facts.n_ended});
  json.add_json("latency_ms", latency_json(facts.latency)).add_json("added_ms", latency_json(facts.added));
  json.add_json("daemon", daemon_json(facts.daemon)).add_json("generator", generator_json(facts));
  return json.text();
}

}  // namespace melstream::client
