// The clip engine on a device: whole clips in device memory, on the caller's stream. Host code over device.hpp, as
// cuda_engine.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "melstream/core/clock.hpp"
#include "melstream/engine/clip_engine.hpp"
#include "melstream/engine/cuda/device.hpp"
#include "melstream/engine/cuda/limits.hpp"

namespace melstream::engine::cuda {

struct ClipOptions {
  /// Plans are made for these at start.
  std::vector<std::shared_ptr<const FrontEnd>> front_ends;
  /// Base frames that the device works on at once, a power of two from 64 to 8192: what its cache holds.
  int unit_frames = kMaxUnitFrames;
  const core::Clock* clock = nullptr;  ///< of the probe's patience; outlives the engine; null: the system's
};

/// What was enqueued by all calls.
struct ClipCounters {
  std::uint64_t n_calls = 0;
  std::uint64_t n_clips = 0;
  std::uint64_t n_rows = 0;
  std::uint64_t n_tiles = 0;
  std::uint64_t n_frames = 0;    ///< base frames, those that two tiles need included
  std::uint64_t n_launches = 0;  ///< kernels, a transform counted as one
};

/// ClipEngine, with what tests and benchmarks ask.
class CudaClipEngine : public ClipEngine {
 public:
  /// Since the engine was made. Not while a call is under way.
  virtual const ClipCounters& counters() const noexcept = 0;
  /// True once the device has done all that calls before this one enqueued. Does not block. Throws EngineError.
  virtual bool is_done() = 0;
};

/// Throws UnusableDevice, or EngineError.
std::unique_ptr<CudaClipEngine> make_clip_engine(std::unique_ptr<ClipDevice> device, const ClipOptions& options);

}  // namespace melstream::engine::cuda
