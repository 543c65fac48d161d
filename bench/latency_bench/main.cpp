// How long a frame is under way: from sending the chunk of audio that completes it to the reader having it. Everything
// on one machine and one clock; streams are spread evenly over a chunk's time, so all phases of the tick occur.
//
//   latency_bench [--streams=200] [--tick-ms=10] [--seconds=10] [--repeat=3] [--block-frames=1]
//   [--front-end=whisper-80]
//                 [--chunk-ms=20] [--transport=tcp|unix] [--echo=yes|no] [--json]
//
// Server on core 0, publisher and reader, a process each, on core 1; each stream by calls and connections of its own.
// "echo" is a bare gRPC server in the same run, which answers a chunk at once with blocks of the same size, without
// tick and DSP: the limit. Exit status: 0 measured, 1 failed or frames were missing, 64 usage.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "bench/support/figures.hpp"
#include "bench/wire/trial.hpp"

namespace melstream::bench {
namespace {

constexpr int kUsage = 64;
constexpr double kWarmUpS = 2;

struct LatencyOptions {
  int n_streams = 200;
  int tick_ms = 10;
  double seconds = 10;
  int repeat = 3;
  int block_frames = 1;
  int chunk_ms = 20;
  std::string front_end = "whisper-80";
  std::string transport = "tcp";
  std::string echo = "yes";
  bool json = false;
};

struct Latencies {
  std::vector<double> p50_ms;
  std::vector<double> p99_ms;
  std::vector<double> p999_ms;
  std::vector<double> cores;  ///< that the server took
  std::int64_t n_blocks = 0;
  std::int64_t n_missing = 0;  ///< frames
};

Latencies run(const LatencyOptions& options, bool echo) {
  Latencies all;
  for (int i = 0; i < options.repeat; ++i) {
    const ServerLoad server{.bare = echo,
                            .tcp = options.transport == "tcp",
                            .tick_ns = echo ? 0 : std::int64_t{options.tick_ms} * 1'000'000};
    Trial trial(server, {.n_streams = options.n_streams, .chunk_ms = options.chunk_ms}, options.n_streams);
    Trial::ReaderProcess& reader = trial.add_reader(
        {.n_calls = options.n_streams, .block_frames = options.block_frames, .front_end = options.front_end});
    trial.publish();
    pause_s(kWarmUpS);
    const ServerTime time = trial.measure(options.seconds);
    trial.end();
    const ReaderResult& result = *reader.result;
    all.p50_ms.push_back(result.latency.quantile_ms(0.5));
    all.p99_ms.push_back(result.latency.quantile_ms(0.99));
    all.p999_ms.push_back(result.latency.quantile_ms(0.999));
    all.cores.push_back(time.cpu_s / time.wall_s);
    all.n_blocks += result.latency.size();
    if (!echo) all.n_missing += result.frames_expected - result.frames_delivered + result.n_holes;
  }
  return all;
}

void print(const char* name, const LatencyOptions& options, const Latencies& all) {
  if (options.json) {
    const JsonLine line = JsonLine()
                              .add("case", name)
                              .add("streams", options.n_streams)
                              .add("tick_ms", options.tick_ms)
                              .add("chunk_ms", options.chunk_ms)
                              .add("block_frames", options.block_frames)
                              .add("latency_ms_p50", median_of(all.p50_ms))
                              .add("latency_ms_p50_min", min_of(all.p50_ms))
                              .add("latency_ms_p99", median_of(all.p99_ms))
                              .add("latency_ms_p99_min", min_of(all.p99_ms))
                              .add("latency_ms_p999", median_of(all.p999_ms))
                              .add("server_cores", median_of(all.cores))
                              .add("blocks", all.n_blocks)
                              .add("frames_missing", all.n_missing)
                              .add("repeats", options.repeat);
    std::printf("%s\n", line.text().c_str());
  } else {
    std::printf(
        "%-8s p50 %.2f ms (min %.2f), p99 %.2f ms (min %.2f), p99.9 %.2f ms; %lld blocks, frames missing %lld, "
        "server %.2f cores\n",
        name, median_of(all.p50_ms), min_of(all.p50_ms), median_of(all.p99_ms), min_of(all.p99_ms),
        median_of(all.p999_ms), static_cast<long long>(all.n_blocks), static_cast<long long>(all.n_missing),
        median_of(all.cores));
  }
  std::fflush(stdout);
}

void add_options(CLI::App& app, LatencyOptions& options) {
  app.add_option("--streams", options.n_streams)->check(CLI::Range(1, 10'000));
  app.add_option("--tick-ms", options.tick_ms)->check(CLI::Range(1, 1000));
  app.add_option("--seconds", options.seconds, "that are measured, after two to warm up")->check(CLI::Range(1, 600));
  app.add_option("--repeat", options.repeat)->check(CLI::Range(1, 100));
  app.add_option("--block-frames", options.block_frames)->check(CLI::Range(1, 1000));
  app.add_option("--chunk-ms", options.chunk_ms)->check(CLI::Range(1, 1000));
  app.add_option("--front-end", options.front_end, "a whisper one with 80 bins, for the echo's sake");
  app.add_option("--transport", options.transport)->check(CLI::IsMember({"tcp", "unix"}));
  app.add_option("--echo", options.echo)->check(CLI::IsMember({"yes", "no"}));
  app.add_flag("--json", options.json, "a line of JSON for each server");
}

int measure(const LatencyOptions& options) {
  if (!options.json) {
    std::printf("%d streams, a tick each %d ms, chunks of %d ms, blocks of %d frames\n", options.n_streams,
                options.tick_ms, options.chunk_ms, options.block_frames);
  }
  const Latencies daemon = run(options, false);
  print("daemon", options, daemon);
  if (options.echo == "yes") print("echo", options, run(options, true));
  return daemon.n_missing == 0 ? 0 : 1;
}

}  // namespace
}  // namespace melstream::bench

int main(int argc, char** argv) {
  CLI::App app("How long a frame is under way");
  melstream::bench::LatencyOptions options;
  melstream::bench::add_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : melstream::bench::kUsage;
  }
  try {
    return melstream::bench::measure(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "latency_bench: %s\n", error.what());
    return 1;
  }
}
