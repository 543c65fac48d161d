// Does a frame's spectrum have the same bits wherever the frame stands? No FFT library promises it, and DESIGN's batch
// invariance stands on it, so it is asked at start.
#pragma once

#include <span>
#include <string>

#include "melstream/engine/cuda/device.hpp"

namespace melstream::engine::cuda {

/// A plan to ask about, with its work area set.
struct ProbedPlan {
  FftPlan* plan = nullptr;
  int n_frames = 0;
};

/// Puts one quiet frame at the first, second, middle and last place of each plan, beside silence and beside full-scale
/// noise, and compares its spectra. Returns "" if all are equal to the bit, else where they differ. Waits for the
/// device. Throws EngineError.
std::string probe_fft(Device& device, int n_fft, std::span<const ProbedPlan> plans);

}  // namespace melstream::engine::cuda
