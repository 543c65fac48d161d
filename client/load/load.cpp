// melstream load: puts streams and readers on a daemon and says what came of it.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "client/commands.hpp"
#include "client/feature_plan.hpp"
#include "client/interrupt.hpp"
#include "client/json_object.hpp"
#include "client/load/capacity_search.hpp"
#include "client/load/load_report.hpp"
#include "client/load/load_trial.hpp"
#include "client/load/speech.hpp"
#include "client/load/verdict.hpp"
#include "client/number_text.hpp"
#include "client/private_daemon.hpp"

namespace melstream::client {
namespace {

constexpr int kTelephoneRateHz = 8000;
constexpr int kRateHz = 16000;
constexpr double kSpeechSeconds = 4;
constexpr double kFindSeconds = 10;
constexpr double kSeconds = 60;
/// A message that opens a batch of more would be too long; and so that an id has room.
constexpr int kMostOfThread = 5000;
constexpr int kMostStreams = 100'000;

Encoding parse_load_encoding(const std::string& text) {
  struct Name {
    const char* text;
    Encoding encoding;
  };
  static constexpr Name kNames[] = {
      // NOLINT(modernize-avoid-c-arrays)
      {"PCMU", Encoding::kMulaw},   {"MULAW", Encoding::kMulaw},  {"PCMA", Encoding::kAlaw},
      {"ALAW", Encoding::kAlaw},    {"LINEAR16", Encoding::kS16}, {"LINEAR24", Encoding::kS24},
      {"LINEAR32", Encoding::kS32}, {"FLOAT32", Encoding::kF32},
  };
  std::string known;
  for (const Name& name : kNames) {
    if (text == name.text) return name.encoding;
    known += (known.empty() ? "" : ", ") + std::string(name.text);
  }
  throw ClientError(ExitCode::kUsage, "unknown encoding '" + text + "': use one of " + known);
}

LoadReaders parse_readers(const std::string& text) {
  if (text == "one") return LoadReaders::kOne;
  if (text == "many") return LoadReaders::kMany;
  if (text == "none") return LoadReaders::kNone;
  throw ClientError(ExitCode::kUsage, "--subscribe '" + text + "': use one, many or none");
}

std::string random_run() {
  std::random_device random;
  return hex_epoch(std::uint64_t{random()}).substr(8);
}

std::vector<std::string> make_chunks(const LoadPlan& plan) {
  const std::int64_t n_samples = plan.chunk_samples();
  const auto n_chunks = std::max<std::int64_t>(1, static_cast<std::int64_t>(kSpeechSeconds * 1000) / plan.chunk_ms);
  const std::vector<float> speech = make_speech(plan.format.rate_hz, n_samples * n_chunks);
  std::vector<std::string> chunks;
  for (std::int64_t i = 0; i < n_chunks; ++i) {
    chunks.push_back(encode_samples(
        std::span(speech).subspan(static_cast<std::size_t>(i * n_samples), static_cast<std::size_t>(n_samples)),
        plan.format.encoding));
  }
  return chunks;
}

LoadPlan make_plan(const LoadOptions& options) {
  LoadPlan plan;
  plan.format.encoding = parse_load_encoding(options.encoding);
  const bool telephone = plan.format.encoding == Encoding::kMulaw || plan.format.encoding == Encoding::kAlaw;
  plan.format.rate_hz = options.sample_rate_hz > 0 ? options.sample_rate_hz : telephone ? kTelephoneRateHz : kRateHz;
  plan.chunk_ms = options.chunk_ms;
  if (plan.format.rate_hz * plan.chunk_ms % 1000 != 0) {
    throw ClientError(ExitCode::kUsage, std::to_string(plan.chunk_ms) + " ms of " +
                                            std::to_string(plan.format.rate_hz) +
                                            " Hz are no whole number of samples; choose another --chunk-ms");
  }
  if (plan.chunk_samples() > largest_chunk(plan.format)) {
    throw ClientError(ExitCode::kUsage, "a chunk of " + std::to_string(plan.chunk_ms) +
                                            " ms is over the 256,000 bytes that a message may carry; choose a smaller "
                                            "--chunk-ms");
  }
  plan.batch = options.batch;
  plan.readers = parse_readers(options.subscribe);
  plan.front_end = plan_features({.front_end = options.front_end}).front_end;
  plan.block_frames = options.block_frames;
  plan.ramp_s = options.ramp_s;
  plan.seconds = options.seconds > 0 ? options.seconds : options.find ? kFindSeconds : kSeconds;
  plan.chunks = make_chunks(plan);
  return plan;
}

/// The same for another number of streams.
void set_streams(const LoadOptions& options, int n_streams, LoadPlan& plan) {
  plan.run = random_run();
  plan.n_streams = n_streams;
  const int needed = (n_streams + kMostOfThread - 1) / kMostOfThread;
  plan.n_threads = std::min(n_streams, std::max(needed, options.n_threads));
  if (options.n_connections > 0) {
    plan.calls_per_connection = std::max(1, (n_streams + options.n_connections - 1) / options.n_connections);
  }
}

std::string format_text(const LoadOptions& options, const LoadPlan& plan) {
  return options.encoding + " " + std::to_string(plan.format.rate_hz) + " Hz";
}

LoadFacts run_once(const LoadOptions& options, const LoadPlan& plan, const Interrupt& interrupt) {
  std::optional<PrivateDaemon> own;
  if (options.spawn) own.emplace("[stream]\nmax_streams = " + std::to_string(plan.n_streams) + "\n");
  const ServerOption server = own ? ServerOption{.address = own->address()} : options.common.server;
  return run_trial(plan, server, interrupt, options.common.json);
}

ExitCode run_given(const LoadOptions& options, LoadPlan& plan, const Interrupt& interrupt) {
  set_streams(options, options.n_streams, plan);
  const LoadFacts facts = run_once(options, plan, interrupt);
  const Verdict verdict = judge(facts, options.max_p99_ms);
  const std::string format = format_text(options, plan);
  if (options.common.json) {
    std::printf("%s\n", report_json(facts, verdict, format).c_str());
  } else {
    std::fputs(report_text(facts, verdict, format).c_str(), stdout);
  }
  return verdict.sustained ? ExitCode::kOk : ExitCode::kFailure;
}

/// What the daemon has room for.
int most_streams(const LoadOptions& options) {
  if (options.spawn) return kMostStreams;
  const v1::GetServerInfoResponse info = Connection(options.common.server).server_info();
  const int room = info.max_streams() - info.stream_count();
  if (room > 0) return room;
  throw ClientError(ExitCode::kFailure, "the daemon has no room for streams: raise stream.max_streams (now " +
                                            std::to_string(info.max_streams()) + ")");
}

struct Found {
  LoadFacts facts;
  Verdict verdict;
};

std::string trial_text(const Found& run) {
  std::string text = std::to_string(run.facts.n_streams) + " streams: ";
  if (run.verdict.sustained) {
    return text + "sustained, p99 " + fixed_number(run.facts.latency.quantile_ms(0.99), 1) + " ms, " +
           run.verdict.busiest + " " + fixed_number(100 * run.verdict.busiest_share, 0) + " %";
  }
  return text + "not sustained: " + run.verdict.reasons.front();
}

void print_found(const LoadOptions& options, const LoadPlan& plan, const CapacitySearch& search,
                 const std::optional<Found>& best, const std::vector<std::string>& runs, const std::string& limit) {
  const std::string format = format_text(options, plan);
  if (options.common.json) {
    std::vector<std::string> texts;
    texts.reserve(runs.size());
    for (const std::string& run : runs) texts.push_back(json_string(run));
    JsonObject json;
    json.add("largest", std::int64_t{search.largest()}).add("limit", limit).add_json("runs", json_array(texts));
    json.add_json("largest_run", best ? report_json(best->facts, best->verdict, format) : "null");
    std::printf("%s\n", json.text().c_str());
    return;
  }
  if (best) std::fputs(report_text(best->facts, best->verdict, format).c_str(), stdout);
  std::printf("largest        %d streams%s\n", search.largest(), search.done() ? "" : ", as far as was searched");
  std::printf("then           %s\n", limit.c_str());
}

ExitCode run_search(const LoadOptions& options, LoadPlan& plan, const Interrupt& interrupt) {
  CapacitySearch search(options.n_streams, most_streams(options));
  std::optional<Found> best;
  std::vector<std::string> runs;
  std::string limit = "nothing was tried";
  while (!search.done() && !interrupt.requested()) {
    set_streams(options, search.next(), plan);
    Found run{.facts = run_once(options, plan, interrupt), .verdict = {}};
    if (run.facts.interrupted) break;
    run.verdict = judge(run.facts, options.max_p99_ms);
    runs.push_back(trial_text(run));
    std::fprintf(stderr, "%s\n", runs.back().c_str());
    search.report(run.verdict.sustained);
    if (run.verdict.sustained) {
      best = std::move(run);
      if (!search.reached_most()) continue;
      limit = options.spawn ? "no more are tried" : "the daemon has room for no more: raise stream.max_streams";
    } else {
      limit = run.verdict.limit;
    }
  }
  print_found(options, plan, search, best, runs, limit);
  return best ? ExitCode::kOk : ExitCode::kFailure;
}

/// A connection is a descriptor; the usual limit of 1024 is for shells.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

ExitCode run_load(const LoadOptions& options) {
  if (options.spawn && !options.common.server.address.empty()) {
    throw ClientError(ExitCode::kUsage, "--spawn starts a daemon of its own: leave out --server");
  }
  const Interrupt interrupt;
  raise_descriptor_limit();
  LoadPlan plan = make_plan(options);
  return options.find ? run_search(options, plan, interrupt) : run_given(options, plan, interrupt);
}

}  // namespace melstream::client
