// What the benchmark comes to: staged or in place, and what was to be reached.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "bench/gpu_check/benchmark.hpp"

namespace melstream::bench {

/// What is compared with what was to be reached is in the daemon's mode: in place, asleep, with the driver's thread.
class Summary {
 public:
  /// Of ticks of one row, back to back.
  void add_ticks(std::size_t n_streams, const Mode& mode, const TickTimes& times);
  /// The same, measured on the device.
  void add_device(std::size_t n_streams, const Mode& mode, const TickTimes& times);
  void add_start(double seconds, MemoryUse memory);
  /// A figure that is missed is told, not failed: it depends on the machine.
  void print(Report& report) const;

 private:
  struct Ticks {
    double p50 = 0.0;  ///< seconds from submit() to the rows being there
    double p99 = 0.0;
  };
  struct OnDevice {
    double kernels = 0.0;   ///< seconds of a mean tick
    double span_p99 = 0.0;  ///< seconds from a tick's first upload to its last download
  };

  void print_reading(Report& report, std::size_t n_streams) const;
  void print_ticks(Report& report, std::size_t n_streams) const;

  std::map<std::size_t, std::map<std::string, Ticks>> ticks_;      ///< by streams and mode
  std::map<std::size_t, std::map<std::string, OnDevice>> device_;  ///< by streams and mode
  double start_seconds_ = 0.0;
  MemoryUse memory_;
};

}  // namespace melstream::bench
