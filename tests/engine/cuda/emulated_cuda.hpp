// The CUDA engine with an emulated device: what a test can break, see and turn.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "melstream/engine/cuda/cuda_engine.hpp"

#include "tests/engine/cuda/emulated_device.hpp"
#include "tests/engine/ticks.hpp"
#include "tests/support/manual_clock.hpp"

namespace melstream::test {

/// Outlives its engines. The clock stands still unless the test turns it: no load on the machine makes a device hang.
struct EmulatedCuda {
  /// Small units, so that small ticks fill slices; no naps.
  static engine::cuda::Options small_units(int unit_frames = 64);
  std::unique_ptr<engine::cuda::CudaEngine> make(engine::cuda::Options options = small_units());
  engine::EngineInstance instance(const engine::cuda::Options& options = small_units());
  /// Every question that is answered with "not yet" takes so long.
  void turn_clock_while_waiting(std::int64_t ns);

  Faults faults;
  DeviceLog log;
  ManualClock clock;
};

/// A tick with room for its rows.
class OwnedTick {
 public:
  explicit OwnedTick(std::vector<engine::Lane> lanes);
  engine::Tick tick() { return {.lanes = lanes_, .rows = rows_, .maxima = maxima_}; }
  /// Each lane's, as they are. Whatever has become of the engine.
  std::vector<LaneRows> lane_rows() const;

 private:
  std::vector<engine::Lane> lanes_;
  std::vector<std::size_t> n_values_;  ///< of each lane
  std::vector<float> rows_;
  std::vector<float> maxima_;
};

/// Asks for the ticket until it is done.
void finish(engine::Engine& engine, engine::Ticket ticket);

}  // namespace melstream::test
