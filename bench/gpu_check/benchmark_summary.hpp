// What the benchmark comes to: staged or in place, and what was to be reached.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "bench/gpu_check/benchmark.hpp"

namespace melstream::bench {

class Summary {
 public:
  /// Of ticks of one row, back to back.
  void add_ticks(std::size_t n_streams, const Mode& mode, const TickTimes& times);
  void add_kernels(std::size_t n_streams, const Mode& mode, double seconds);
  void add_start(double seconds, MemoryUse memory);
  /// A figure that is missed is told, not failed: it depends on the machine.
  void print(Report& report) const;

 private:
  struct Best {
    double p99_without_gather = INFINITY;  ///< seconds
    std::string how;
  };

  std::map<std::size_t, Best> best_;                                ///< by streams
  std::map<std::pair<std::size_t, std::string>, double> sleeping_;  ///< p50, as the daemon runs, by streams and reading
  std::map<std::pair<std::size_t, std::string>, double> kernels_;   ///< seconds a tick, by streams and reading
  double start_seconds_ = 0.0;
  MemoryUse memory_;
};

}  // namespace melstream::bench
