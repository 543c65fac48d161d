// The CUDA engine: all lanes of a tick in one batch on a device. Pure host code over device.hpp: CUDA itself is behind
// it (cuda_device.cpp), and in tests the host takes its place.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "melstream/core/clock.hpp"
#include "melstream/engine/cuda/device.hpp"
#include "melstream/engine/cuda/limits.hpp"
#include "melstream/engine/engine.hpp"

namespace melstream::engine::cuda {

struct Options {
  Limits limits;
  /// Plans are made for these at start; a later front end with another FFT length makes its own in prepare().
  std::vector<std::shared_ptr<const FrontEnd>> front_ends;
  bool spin = false;  ///< poll() burns its processor while it waits, for the shortest wake-up
  /// Samples in registered memory are read by the device where they lie; false: every sample is copied to a staging
  /// buffer first.
  bool read_in_place = true;
  /// Base frames that the device works on at once, a power of two from 64 to 8192: what its cache holds.
  int unit_frames = kMaxUnitFrames;
  bool measure = false;                ///< time the device (Counters::stage_seconds, device_span_seconds)
  const core::Clock* clock = nullptr;  ///< outlives the engine; null: the system's
};

/// What went over the link, and where time went.
struct Counters {
  std::uint64_t n_ticks = 0;
  std::uint64_t n_slices = 0;
  std::uint64_t n_copies = 0;  ///< between host and device
  std::uint64_t n_launches = 0;
  std::uint64_t n_frames = 0;  ///< base frames, those computed again included
  std::uint64_t uploaded_bytes = 0;
  std::uint64_t in_place_bytes = 0;  ///< read by kernels from registered memory, besides
  std::uint64_t downloaded_bytes = 0;
  double gather_seconds = 0.0;   ///< of the host, planning included
  double deliver_seconds = 0.0;  ///< of the host
  /// Of the device, if measured: upload, gather kernel, FFT, row kernels, download.
  std::array<double, 5> stage_seconds{};
  /// Of the device, if measured: from a tick's first upload to its last download, waits for the host's gathering of
  /// further slices and for the tick before included. Added when the last slice is delivered.
  double device_span_seconds = 0.0;
};

/// Engine, with what a benchmark asks.
class CudaEngine : public Engine {
 public:
  virtual const Counters& counters() const noexcept = 0;
  /// True if FFTs run by a plan of one size, since the library does not keep bits between sizes.
  virtual bool uses_fixed_plans() const = 0;
};

/// Throws UnusableDevice, or EngineError.
std::unique_ptr<CudaEngine> make_engine(std::unique_ptr<Device> device, const Options& options);

}  // namespace melstream::engine::cuda
