// Does a frame's spectrum have the same bits wherever the frame stands? No FFT library promises it, and DESIGN's batch
// invariance stands on it, so it is asked at start.
#pragma once

#include <mutex>
#include <span>
#include <string>

#include "melstream/core/clock.hpp"
#include "melstream/engine/cuda/device.hpp"

namespace melstream::engine::cuda {

/// A plan to ask about, with its work area set.
struct ProbedPlan {
  FftPlan* plan = nullptr;
  int n_frames = 0;
};

/// A device whose queue others use as well.
struct SharedDevice {
  Device& device;
  /// Held by whoever calls the queue: by a probe for some calls at a time, so that ticks go on meanwhile.
  std::mutex& queue_mutex;
  const core::Clock& clock;
};

/// Puts one quiet frame at the first, second, middle and last place of each plan, beside silence and beside full-scale
/// noise, and compares its spectra. Returns "" if all are equal to the bit, else where they differ. Waits for the
/// device. Throws EngineError, if it does not answer after 10 s too.
std::string probe_fft(const SharedDevice& shared, int n_fft, std::span<const ProbedPlan> plans);

}  // namespace melstream::engine::cuda
