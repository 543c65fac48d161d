// What the parts of the benchmark share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "melstream/engine/cuda/cuda_engine.hpp"

#include "bench/gpu_check/counting_device.hpp"
#include "bench/gpu_check/rings.hpp"
#include "bench/gpu_check/stages.hpp"
#include "bench/gpu_check/tick_times.hpp"
#include "tests/support/tolerance.hpp"

namespace melstream::bench {

/// How an engine is used.
struct Mode {
  bool read_in_place = false;
  bool spin = false;
  bool measure = false;
  bool is_threaded = true;  ///< a thread calls the driver, as in the daemon

  std::string reading() const { return read_in_place ? "in place" : "staged"; }
  std::string waiting() const { return spin ? "spin" : "sleep"; }
  std::string driver() const { return is_threaded ? "thread" : "direct"; }
};

/// What is compared with what was to be reached.
inline constexpr Mode kDaemonMode{true, false, false, true};

/// The engine on the machine, with the rings registered. Only one at a time: memory is pinned once.
class BenchEngine {
 public:
  BenchEngine(Machine& machine, const RingStreams& rings, const engine::Limits& limits, const Mode& mode);

  engine::cuda::CudaEngine& engine() noexcept { return *engine_; }
  const TakenMemory& taken() const noexcept { return taken_; }
  std::shared_ptr<const engine::Prepared> prepare(const std::string& front_end,
                                                  engine::Smoothing smoothing = engine::Smoothing::kNone) {
    return engine_->prepare(engine::FrontEndCatalog().find(front_end), smoothing);
  }

 private:
  TakenMemory taken_;
  std::unique_ptr<engine::cuda::CudaEngine> engine_;
};

/// The last tick of a runner, of a front end that is plain log mels, against the CPU engine.
test::Comparison compare_last_tick(const TickRunner& runner, const std::string& front_end);

/// Measured as the daemon runs, and spinning, as gpu_peers.py has the others compute, and written for it: 10,000 clips
/// of one frame, and 100 clips of 100 frames.
void benchmark_for_peers(Machine& machine, const Settings& settings, Report& report, RingStreams& rings,
                         const engine::Limits& limits);

/// Frames a second of the CPU engine on one thread and on all, over the same rings.
void benchmark_cpu(Report& report, RingStreams& rings, const Budget& budget);

/// Columns of the split of a tick, and its cells.
std::vector<std::string> split_columns();
struct Ceilings {
  double up = 0.0;    ///< GB/s
  double down = 0.0;  ///< GB/s
};
std::vector<std::string> split_cells(const TickTimes& times, const Ceilings& ceilings);
/// Seconds of one tick on the device without the copies.
double kernel_seconds(const TickTimes& times) noexcept;

}  // namespace melstream::bench
