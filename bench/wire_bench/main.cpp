// What the wire costs: audio in and features out by gRPC, server on core 0, load generators on core 1.
//
//   wire_bench [--case=NAME|all] [--streams=N] [--seconds=10] [--repeat=1] [--front-end=whisper-80] [--block-frames=4]
//              [--warm-up=2] [--connections=16] [--server=both|real|null] [--transport=tcp|unix] [--threads] [--json]
//
// Processor time is that of all threads of the server process. "null" is a bare gRPC server that takes the same
// messages and writes blocks of the same size at the same times, and computes nothing: the limit. Cases:
// docs/benchmarks.md. Exit status: 0 measured, 1 failed, 64 usage.
#include <cstdio>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>

#include "bench/wire_bench/cases.hpp"

namespace {

using melstream::bench::WireOptions;

constexpr int kUsage = 64;

struct Case {
  const char* name;
  void (*measure)(const WireOptions& options);
};

constexpr Case kCases[] = {
    // NOLINT(modernize-avoid-c-arrays)
    {"own-connections", melstream::bench::measure_own_connections},
    {"multiplexed", melstream::bench::measure_multiplexed},
    {"fan-out", melstream::bench::measure_fan_out},
    {"stopped-readers", melstream::bench::measure_stopped_readers},
    {"memory", melstream::bench::measure_memory},
    {"queue", melstream::bench::measure_queue},
};

void add_options(CLI::App& app, WireOptions& options) {
  app.add_option("--case", options.name,
                 "own-connections, multiplexed, fan-out, stopped-readers, memory, queue, or all");
  app.add_option("--streams", options.n_streams, "0: what the case has")->check(CLI::Range(0, 10'000));
  app.add_option("--seconds", options.seconds, "that are measured, after the warm-up")->check(CLI::Range(1, 600));
  app.add_option("--warm-up", options.warm_up_s, "seconds; of the cases with a steady load")->check(CLI::Range(1, 600));
  app.add_option("--repeat", options.repeat, "of each measurement")->check(CLI::Range(1, 100));
  app.add_option("--front-end", options.front_end, "one with 80 bins, for the null server's sake");
  app.add_option("--block-frames", options.block_frames)->check(CLI::Range(1, 1000));
  app.add_option("--connections", options.n_connections, "that subscribers share in fan-out")
      ->check(CLI::Range(1, 1000));
  app.add_option("--server", options.server)->check(CLI::IsMember({"both", "real", "null"}));
  app.add_option("--transport", options.transport)->check(CLI::IsMember({"tcp", "unix"}));
  app.add_flag("--threads", options.threads, "processor time by thread");
  app.add_flag("--json", options.json, "a line of JSON for each measurement");
}

bool run(const WireOptions& options) {
  bool found = false;
  for (const Case& one : kCases) {
    if (options.name != "all" && options.name != one.name) continue;
    one.measure(options);
    found = true;
  }
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("What the wire costs");
  WireOptions options;
  add_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  try {
    if (run(options)) return 0;
    std::fprintf(stderr, "wire_bench: no case '%s'; see --help\n", options.name.c_str());
    return kUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "wire_bench: %s\n", error.what());
    return 1;
  }
}
