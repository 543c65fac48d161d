// Repeats of a trial at a steady load, and what is printed of them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bench/wire/trial.hpp"
#include "bench/wire_bench/options.hpp"

namespace melstream::bench {

/// Repeats of one trial on one server.
struct Repeats {
  std::vector<double> cpu_ms;  ///< of the server, a second; divided by what the case counts
  std::vector<double> server_cores;
  std::vector<double> load_cores;  ///< of the load generators, which have one core
  std::vector<double> p50_ms;
  std::vector<double> p99_ms;
  std::map<std::string, std::vector<double>> thread_ms;  ///< likewise, by name
  // Over all repeats:
  std::int64_t frames_expected = 0;
  std::int64_t frames_delivered = 0;
  std::int64_t frames_gapped = 0;
  std::int64_t n_gaps = 0;
  std::int64_t n_holes = 0;
  std::int64_t n_failures = 0;
  std::int64_t n_waited = 0;
  std::int64_t late_ticks = 0;

  /// @param n_units what processor time is divided by, such as streams.
  void add(const ServerTime& time, double n_units, const ReaderResult& result, const Control& control);
};

/// A steady load: one publisher, one process of readers.
struct SteadyLoad {
  std::string name;
  AudioLoad audio;
  ReaderLoad readers;
  double n_units = 1;
};

/// On the daemon's server, or on the bare one.
Repeats run_steady(const SteadyLoad& load, const WireOptions& options, bool bare);
/// Both, as `options.server` says; what was not asked for stays empty.
struct Compared {
  Repeats real;
  Repeats bare;
};
Compared compare(const SteadyLoad& load, const WireOptions& options);

/// A line of a table, or of JSON. @param unit what processor time was divided by.
void print(const SteadyLoad& load, const Compared& compared, const WireOptions& options, const std::string& unit);

ServerLoad server_load(const WireOptions& options, bool bare);

}  // namespace melstream::bench
