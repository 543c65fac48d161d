#include "bench/wire_bench/report.hpp"

#include <cstdio>

#include "bench/support/figures.hpp"

namespace melstream::bench {
namespace {

void print_row(const char* server, const Repeats& repeats, const WireOptions& options, const std::string& unit) {
  if (repeats.cpu_ms.empty()) return;
  std::printf("  %-5s %9.4f ms %s (median %.4f), latency p50 %.2f ms, p99 %.2f ms\n", server, min_of(repeats.cpu_ms),
              unit.c_str(), median_of(repeats.cpu_ms), median_of(repeats.p50_ms), median_of(repeats.p99_ms));
  std::printf("        frames expected %lld, delivered %lld, in gaps %lld, holes %lld; failures %lld\n",
              static_cast<long long>(repeats.frames_expected), static_cast<long long>(repeats.frames_delivered),
              static_cast<long long>(repeats.frames_gapped), static_cast<long long>(repeats.n_holes),
              static_cast<long long>(repeats.n_failures));
  std::printf(
      "        cores: server %.2f, load generators %.2f; messages that waited for the one before %lld, late ticks "
      "%lld\n",
      median_of(repeats.server_cores), median_of(repeats.load_cores), static_cast<long long>(repeats.n_waited),
      static_cast<long long>(repeats.late_ticks));
  if (!options.threads) return;
  for (const auto& [name, ms] : repeats.thread_ms) {
    if (median_of(ms) > median_of(repeats.cpu_ms) / 1000) {
      std::printf("        %-16s %9.4f ms (median)\n", name.c_str(), median_of(ms));
    }
  }
}

void add_json(JsonLine& line, const std::string& prefix, const Repeats& repeats, const WireOptions& options) {
  line.add(prefix + "cpu_ms_per_stream_second", min_of(repeats.cpu_ms))
      .add(prefix + "cpu_ms_per_stream_second_median", median_of(repeats.cpu_ms))
      .add(prefix + "latency_ms_p50", median_of(repeats.p50_ms))
      .add(prefix + "latency_ms_p99", median_of(repeats.p99_ms))
      .add(prefix + "server_cores", median_of(repeats.server_cores))
      .add(prefix + "load_cores", median_of(repeats.load_cores))
      .add(prefix + "frames_expected", repeats.frames_expected)
      .add(prefix + "frames_delivered", repeats.frames_delivered)
      .add(prefix + "frames_gapped", repeats.frames_gapped)
      .add(prefix + "gaps", repeats.n_gaps)
      .add(prefix + "holes", repeats.n_holes)
      .add(prefix + "failures", repeats.n_failures)
      .add(prefix + "messages_waited", repeats.n_waited)
      .add(prefix + "late_ticks", repeats.late_ticks);
  if (!options.threads) return;
  for (const auto& [name, ms] : repeats.thread_ms) line.add(prefix + "thread_ms_" + name, median_of(ms));
}

}  // namespace

void Repeats::add(const ServerTime& time, double n_units, const ReaderResult& result, const Control& control) {
  const double to_ms = 1e3 / time.wall_s / n_units;
  cpu_ms.push_back(time.cpu_s * to_ms);
  for (const auto& [name, seconds] : time.threads) thread_ms[name].push_back(seconds * to_ms);
  server_cores.push_back(time.cpu_s / time.wall_s);
  load_cores.push_back(time.load_cpu_s / time.wall_s);
  p50_ms.push_back(result.latency.quantile_ms(0.5));
  p99_ms.push_back(result.latency.quantile_ms(0.99));
  frames_expected += result.frames_expected;
  frames_delivered += result.frames_delivered;
  frames_gapped += result.frames_gapped;
  n_gaps += result.n_gaps;
  n_holes += result.n_holes;
  n_failures += result.n_failures;
  n_waited += control.n_waited;
  late_ticks += control.late_ticks;
  if (result.n_failures > 0) std::fprintf(stderr, "a call failed: %s\n", result.failure.data());
}

ServerLoad server_load(const WireOptions& options, bool bare) {
  return {.bare = bare, .tcp = options.transport == "tcp"};
}

Repeats run_steady(const SteadyLoad& load, const WireOptions& options, bool bare) {
  Repeats repeats;
  for (int i = 0; i < options.repeat; ++i) {
    Trial trial(server_load(options, bare), load.audio, load.readers.n_calls);
    Trial::ReaderProcess& reader = trial.add_reader(load.readers);
    trial.publish();
    pause_s(options.warm_up_s);
    const ServerTime time = trial.measure(options.seconds);
    trial.end();
    repeats.add(time, load.n_units, *reader.result, trial.control());
  }
  return repeats;
}

Compared compare(const SteadyLoad& load, const WireOptions& options) {
  Compared compared;
  if (options.server != "null") compared.real = run_steady(load, options, false);
  if (options.server != "real") compared.bare = run_steady(load, options, true);
  return compared;
}

void print(const SteadyLoad& load, const Compared& compared, const WireOptions& options, const std::string& unit) {
  const double bare_ms = min_of(compared.bare.cpu_ms);
  const double ratio = bare_ms > 0 ? min_of(compared.real.cpu_ms) / bare_ms : 0;
  if (options.json) {
    JsonLine line;
    line.add("case", load.name)
        .add("streams", load.audio.n_streams)
        .add("subscriptions", load.readers.n_calls)
        .add("connections", load.readers.n_connections == 0 ? load.readers.n_calls : load.readers.n_connections)
        .add("block_frames", load.readers.block_frames)
        .add("seconds", options.seconds)
        .add("repeats", options.repeat);
    add_json(line, "", compared.real, options);
    add_json(line, "null_", compared.bare, options);
    line.add("ratio", ratio);
    std::printf("%s\n", line.text().c_str());
  } else {
    std::printf("%s: %d streams, %d subscriptions on %d connections, blocks of %d frames\n", load.name.c_str(),
                load.audio.n_streams, load.readers.n_calls,
                load.readers.n_connections == 0 ? load.readers.n_calls : load.readers.n_connections,
                load.readers.block_frames);
    print_row("real", compared.real, options, unit);
    print_row("null", compared.bare, options, unit);
    if (ratio > 0) std::printf("  real / null %.2f\n", ratio);
  }
  std::fflush(stdout);
}

}  // namespace melstream::bench
