// Cases that measure processor time at a steady load.
#include <cstdio>
#include <map>
#include <vector>

#include "bench/support/figures.hpp"
#include "bench/wire_bench/cases.hpp"
#include "bench/wire_bench/report.hpp"

namespace melstream::bench {
namespace {

constexpr int kOwnStreams = 300;
constexpr int kMultiplexedStreams = 2000;
constexpr int kFanOutFrames = 10;

int streams_or(const WireOptions& options, int n) { return options.n_streams > 0 ? options.n_streams : n; }

}  // namespace

void measure_own_connections(const WireOptions& options) {
  const int n = streams_or(options, kOwnStreams);
  const SteadyLoad load{.name = "own-connections",
                        .audio = {.n_streams = n},
                        .readers = {.n_calls = n, .block_frames = options.block_frames, .front_end = options.front_end},
                        .n_units = static_cast<double>(n)};
  print(load, compare(load, options), options, "a stream and second");
}

void measure_multiplexed(const WireOptions& options) {
  const int n = streams_or(options, kMultiplexedStreams);
  const SteadyLoad load{.name = "multiplexed",
                        .audio = {.n_streams = n, .batch = true},
                        .readers = {.n_calls = 1,
                                    .block_frames = options.block_frames,
                                    .front_end = options.front_end,
                                    .all_streams = true},
                        .n_units = static_cast<double>(n)};
  print(load, compare(load, options), options, "a stream and second");
}

void measure_fan_out(const WireOptions& options) {
  std::map<int, Compared> by_size;
  for (const int n : {1, 10, 100, 1000}) {
    const SteadyLoad load{.name = "fan-out-" + std::to_string(n),
                          .audio = {.n_streams = 1},
                          .readers = {.n_calls = n,
                                      .n_connections = std::min(n, options.n_connections),
                                      .block_frames = kFanOutFrames,
                                      .front_end = options.front_end}};
    print(load, by_size[n] = compare(load, options), options, "a second");
  }
  const auto ratio = [&](auto of) {
    const double one = min_of(of(by_size[1]).cpu_ms);
    return one > 0 ? min_of(of(by_size[1000]).cpu_ms) / one : 0;
  };
  const double real = ratio([](const Compared& both) { return both.real; });
  const double bare = ratio([](const Compared& both) { return both.bare; });
  if (options.json) {
    const JsonLine line =
        JsonLine().add("case", "fan-out").add("ratio_1000_to_1", real).add("null_ratio_1000_to_1", bare);
    std::printf("%s\n", line.text().c_str());
  } else {
    std::printf("fan-out: 1,000 subscribers cost %.1f times what one costs (null: %.1f)\n", real, bare);
  }
  std::fflush(stdout);
}

}  // namespace melstream::bench
