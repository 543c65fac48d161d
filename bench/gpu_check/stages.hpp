// The stages of gpu_check, each run in a process of its own by scripts/gpu-check. A stage reports and goes on where a
// check fails; what it throws is the caller's to report.
#pragma once

#include <filesystem>

#include "bench/gpu_check/machine.hpp"
#include "bench/gpu_check/report.hpp"

namespace melstream::bench {

enum class Extent { kQuick, kNormal, kFull };

struct Settings {
  Extent extent = Extent::kNormal;
  /// Where the data for the peers goes.
  std::filesystem::path out_folder = ".";
};

/// What the machine is, and how fast it copies.
void run_facts(Machine& machine, const Settings& settings, Report& report);
/// Against the golden data, and against the CPU engine.
void run_parity(Machine& machine, const Settings& settings, Report& report);
/// The same bits however a row is asked for.
void run_invariance(Machine& machine, const Settings& settings, Report& report);
/// Whole clips in the device's memory: right or wrong, what they copy, times.
void run_clips(Machine& machine, const Settings& settings, Report& report);
/// A few ticks of everything, for compute-sanitizer to watch: no limit of time applies.
void run_tiny(Machine& machine, const Settings& settings, Report& report);
/// Breaks the device for this process, and expects every row all the same.
void run_drill(Machine& machine, const Settings& settings, Report& report, Breakage how);
/// Times.
void run_benchmark(Machine& machine, const Settings& settings, Report& report);

}  // namespace melstream::bench
