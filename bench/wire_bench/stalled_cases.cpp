// Cases with readers that do not read, or have nothing to read.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include <signal.h>

#include "bench/support/figures.hpp"
#include "bench/support/processor_time.hpp"
#include "bench/wire_bench/cases.hpp"
#include "bench/wire_bench/report.hpp"

namespace melstream::bench {
namespace {

constexpr double kWarmUpS = 2;
constexpr double kLookS = 0.1;
/// After that long, a stopped reader that is still there is taken for one that stays.
constexpr double kGiveUpS = 60;
constexpr int kHealthy = 50;
constexpr int kIdleCalls = 1000;
constexpr int kQueueStreams = 200;
constexpr int kQueueReaders = 50;
constexpr double kQueueS = 20;
/// Below what the stopped readers of all streams would hold.
constexpr std::int64_t kSmallLimit = 16 << 20;

/// What `n_stopped` readers did to the others, and the server to them.
struct Stopped {
  std::vector<double> p50_ms;
  std::vector<double> p99_ms;
  std::int64_t n_gaps = 0;
  std::int64_t frames_missing = 0;
  std::vector<double> first_s;  ///< until the first was gapped or closed; -1: never
  std::vector<double> all_s;    ///< until none was left
};

/// Until the server has told the first gap or closed the first of them, and until it has closed all.
void wait_for_end(Trial& trial, int n_healthy, int n_stopped, std::int64_t stopped_ns, Stopped& stopped) {
  double first_s = -1;
  double all_s = -1;
  const auto since = [&] { return static_cast<double>(steady_ns() - stopped_ns) * 1e-9; };
  while (all_s < 0 && since() < kGiveUpS) {
    trial.check();
    const Control& control = trial.control();
    if (first_s < 0 && (control.n_subscriptions < n_healthy + n_stopped || control.frames_gapped > 0)) {
      first_s = since();
    }
    if (control.n_subscriptions <= n_healthy) all_s = since();
    pause_s(kLookS);
  }
  stopped.first_s.push_back(first_s);
  stopped.all_s.push_back(all_s);
}

void run_stopped(const WireOptions& options, int n_healthy, int n_stopped, Stopped& stopped) {
  Trial trial(server_load(options, false), {.n_streams = n_healthy}, n_healthy + n_stopped);
  const ReaderLoad readers{.n_calls = n_healthy, .block_frames = options.block_frames, .front_end = options.front_end};
  Trial::ReaderProcess& healthy = trial.add_reader(readers);
  ReaderLoad others = readers;
  others.n_calls = n_stopped;
  Trial::ReaderProcess* const victims = n_stopped > 0 ? &trial.add_reader(others) : nullptr;
  trial.publish();
  pause_s(kWarmUpS);
  const std::int64_t stopped_ns = steady_ns();
  if (victims != nullptr) victims->child->signal(SIGSTOP);
  if (victims == nullptr) {
    trial.measure(options.seconds);
  } else {
    // What happens when they are closed counts as well.
    trial.start_measuring();
    wait_for_end(trial, n_healthy, n_stopped, stopped_ns, stopped);
    const double left_s = options.seconds - static_cast<double>(steady_ns() - stopped_ns) * 1e-9;
    pause_s(std::max(0.0, left_s));
    trial.stop_measuring();
    victims->child->signal(SIGCONT);
  }
  trial.end();
  const ReaderResult& result = *healthy.result;
  stopped.p50_ms.push_back(result.latency.quantile_ms(0.5));
  stopped.p99_ms.push_back(result.latency.quantile_ms(0.99));
  stopped.n_gaps += result.n_gaps + result.n_holes + result.n_failures;
  stopped.frames_missing += result.frames_expected - result.frames_delivered;
}

void print_stopped(const WireOptions& options, int n_healthy, int n_stopped, const Stopped& stopped, double ratio) {
  const double first_s =
      stopped.first_s.empty() ? 0 : *std::max_element(stopped.first_s.begin(), stopped.first_s.end());
  const double all_s = stopped.all_s.empty() ? 0 : *std::max_element(stopped.all_s.begin(), stopped.all_s.end());
  if (options.json) {
    const JsonLine line = JsonLine()
                              .add("case", "stopped-readers")
                              .add("healthy", n_healthy)
                              .add("stopped", n_stopped)
                              .add("latency_ms_p50", median_of(stopped.p50_ms))
                              .add("latency_ms_p99", median_of(stopped.p99_ms))
                              .add("p99_ratio", ratio)
                              .add("gaps", stopped.n_gaps)
                              .add("frames_missing", stopped.frames_missing)
                              .add("first_gapped_or_closed_s", first_s)
                              .add("all_closed_s", all_s)
                              .add("repeats", options.repeat);
    std::printf("%s\n", line.text().c_str());
  } else {
    std::printf(
        "stopped-readers: %d healthy, %d stopped: healthy p50 %.2f ms, p99 %.2f ms (%.2f times), gaps %lld, "
        "frames missing %lld; first gapped or closed after %.1f s, all closed after %.1f s (longest)\n",
        n_healthy, n_stopped, median_of(stopped.p50_ms), median_of(stopped.p99_ms), ratio,
        static_cast<long long>(stopped.n_gaps), static_cast<long long>(stopped.frames_missing), first_s, all_s);
  }
  std::fflush(stdout);
}

void measure_idle(const WireOptions& options, const char* name, int n_connections) {
  std::vector<double> kilobytes;
  for (int i = 0; i < options.repeat; ++i) {
    Trial trial(server_load(options, false), {.n_streams = 1, .silent = true}, kIdleCalls);
    pause_s(kWarmUpS);
    const std::int64_t before = resident_bytes(trial.server_pid());
    trial.add_reader({.n_calls = kIdleCalls, .n_connections = n_connections, .front_end = options.front_end});
    pause_s(kWarmUpS);
    kilobytes.push_back(static_cast<double>(resident_bytes(trial.server_pid()) - before) / 1e3 / kIdleCalls);
    trial.end();
  }
  if (options.json) {
    const JsonLine line = JsonLine()
                              .add("case", std::string("memory-") + name)
                              .add("subscriptions", kIdleCalls)
                              .add("kilobytes_per_subscription", min_of(kilobytes))
                              .add("kilobytes_per_subscription_median", median_of(kilobytes))
                              .add("repeats", options.repeat);
    std::printf("%s\n", line.text().c_str());
  } else {
    std::printf("memory: %d idle subscriptions, %s: %.1f kB each (median %.1f)\n", kIdleCalls, name, min_of(kilobytes),
                median_of(kilobytes));
  }
  std::fflush(stdout);
}

/// Readers are stopped while much is written to them; one of one stream goes on. @param limit of queued bytes; 0: the
/// server's default.
void measure_full_queue(const WireOptions& options, const char* name, const ReaderLoad& stalled, std::int64_t limit) {
  const int n = options.n_streams > 0 ? options.n_streams : kQueueStreams;
  ServerLoad server = server_load(options, false);
  server.max_queued_bytes = limit;
  Trial trial(server, {.n_streams = n, .batch = true}, stalled.n_calls + 1);
  const ServerInfo& info = trial.add_probe();
  Trial::ReaderProcess& healthy =
      trial.add_reader({.n_calls = 1, .block_frames = options.block_frames, .front_end = options.front_end});
  Trial::ReaderProcess& victims = trial.add_reader(stalled);
  trial.publish();
  pause_s(kWarmUpS);
  victims.child->signal(SIGSTOP);
  trial.measure(std::max(options.seconds, kQueueS));
  victims.child->signal(SIGCONT);
  trial.end();
  const ReaderResult& result = *healthy.result;
  const auto missing = result.frames_expected - result.frames_delivered;
  if (options.json) {
    const JsonLine line = JsonLine()
                              .add("case", std::string("queue-") + name)
                              .add("streams", n)
                              .add("stopped", stalled.n_calls)
                              .add("queued_bytes_most_seen", info.most_queued_bytes.load())
                              .add("queued_bytes_peak", info.queued_bytes_peak.load())
                              .add("queued_bytes_limit", info.queued_bytes_limit.load())
                              .add("subscriptions_left", info.subscription_count.load())
                              .add("healthy_latency_ms_p99", result.latency.quantile_ms(0.99))
                              .add("healthy_frames_missing", missing);
    std::printf("%s\n", line.text().c_str());
  } else {
    std::printf(
        "queue: %d streams, %d stopped readers of %s: queued bytes peak %lld (most seen %lld), limit %lld; "
        "subscriptions left %lld; one healthy reader p99 %.2f ms, frames missing %lld\n",
        n, stalled.n_calls, name, static_cast<long long>(info.queued_bytes_peak.load()),
        static_cast<long long>(info.most_queued_bytes.load()), static_cast<long long>(info.queued_bytes_limit.load()),
        static_cast<long long>(info.subscription_count.load()), result.latency.quantile_ms(0.99),
        static_cast<long long>(missing));
  }
  std::fflush(stdout);
}

}  // namespace

void measure_stopped_readers(const WireOptions& options) {
  const int n_healthy = options.n_streams > 0 ? options.n_streams : kHealthy;
  double alone_ms = 0;
  for (const int n_stopped : {0, 1, 10, 50}) {
    Stopped stopped;
    for (int i = 0; i < options.repeat; ++i) run_stopped(options, n_healthy, n_stopped, stopped);
    if (n_stopped == 0) alone_ms = median_of(stopped.p99_ms);
    print_stopped(options, n_healthy, n_stopped, stopped, alone_ms > 0 ? median_of(stopped.p99_ms) / alone_ms : 0);
  }
}

void measure_memory(const WireOptions& options) {
  measure_idle(options, "own-connections", 0);
  measure_idle(options, "one-connection", 1);
}

void measure_queue(const WireOptions& options) {
  const ReaderLoad one{.n_calls = kQueueStreams, .block_frames = options.block_frames, .front_end = options.front_end};
  measure_full_queue(options, "one-stream", one, 0);
  ReaderLoad all = one;
  all.n_calls = kQueueReaders;
  all.all_streams = true;
  measure_full_queue(options, "all-streams", all, 0);
  measure_full_queue(options, "all-streams-small-limit", all, kSmallLimit);
}

}  // namespace melstream::bench
