// Times ticks, one after another or on a clock, from submit() to the rows being there.
#pragma once

#include <chrono>
#include <span>
#include <vector>

#include "melstream/engine/cuda/cuda_engine.hpp"

#include "bench/gpu_check/rings.hpp"
#include "tests/support/matrix.hpp"

namespace melstream::bench {

struct TickTimes {
  double first_seconds = 0.0;        ///< of the first tick, which may load code
  std::vector<double> seconds;       ///< of each tick after it, sorted
  std::vector<double> device_spans;  ///< seconds of each from first upload to last download, sorted; 0 if not measured
  engine::cuda::Counters counters;   ///< of those ticks; CUDA only
  std::size_t n_rows = 0;            ///< of one tick

  double mean() const noexcept;
  /// Rows a second of a median tick.
  double rows_per_second() const noexcept;
};

/// @param sorted not empty. @param share 0..1. Returns the smallest value that so many do not exceed.
double percentile(const std::vector<double>& sorted, double share) noexcept;

struct Budget {
  int n_ticks = 200;  ///< at least, if they fit
  std::chrono::duration<double> at_least{0.2};
  std::chrono::duration<double> at_most{3.0};
  std::chrono::duration<double> period{0.0};  ///< a tick begins every so often; 0: when the last is done
};

/// Runs ticks over the first streams of the rings. Keeps the last one for who wants to compare.
class TickRunner {
 public:
  /// All outlive this. @param counted the engine again if it counts, or null.
  TickRunner(engine::Engine& engine, const engine::cuda::CudaEngine* counted, RingStreams& rings)
      : engine_(engine), counted_(counted), rings_(rings) {}

  /// @param prepared of the engine. Throws EngineError.
  TickTimes run(const engine::Prepared& prepared, std::size_t n_streams, int n_rows, const Budget& budget);
  std::span<const engine::Lane> last_lanes() const noexcept { return lanes_; }
  const test::Matrix& last_rows() const noexcept { return rows_; }

 private:
  /// Seconds of the next tick, and of it on the device.
  struct Seconds {
    double tick = 0.0;
    double device_span = 0.0;
  };
  Seconds run_one(const engine::Prepared& prepared, int n_rows);
  engine::cuda::Counters counters() const noexcept;

  engine::Engine& engine_;
  const engine::cuda::CudaEngine* const counted_;
  RingStreams& rings_;
  std::vector<engine::Lane> lanes_;
  test::Matrix rows_;
  std::vector<float> maxima_;
};

}  // namespace melstream::bench
