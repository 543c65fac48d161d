// The plans of one FFT length: batches of 32, 64, ... frames with one work area, or, where the library gives a frame
// other bits in another batch, one plan of a fixed size that runs again and again.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "melstream/engine/cuda/device.hpp"
#include "melstream/engine/cuda/fft_probe.hpp"
#include "melstream/engine/cuda/limits.hpp"

namespace melstream::engine::cuda {

/// Frames of the plan that is used alone when batches of different sizes do not give equal bits.
inline constexpr int kFixedPlanFrames = 256;
inline constexpr int kSmallestPlanFrames = 32;

/// Immutable once made; run_async() is for the queue's thread.
class FftPlans {
 public:
  /// Makes the plans and asks the device whether a frame's spectrum has the same bits in every batch, at every place
  /// and beside every neighbour. Throws UnusableDevice(kProbeFailed) if not even one fixed plan keeps them.
  /// @param max_frames of the largest unit, a power of two.
  FftPlans(const SharedDevice& shared, int n_fft, int max_frames);

  int n_fft() const noexcept { return n_fft_; }
  /// Frames of the largest unit.
  int max_frames() const noexcept { return max_frames_; }
  bool is_fixed() const noexcept { return is_fixed_; }
  /// Frames that are transformed for a batch of n: the input must have room for them.
  int padded_frames(int n_frames) const noexcept;
  /// @param input [padded_frames(n_frames)][n_fft]. @param spectra [padded_frames(n_frames)][n_fft / 2 + 1].
  void run_async(float* input, Complex* spectra, int n_frames) const;

 private:
  struct Batch {
    int n_frames = 0;
    std::unique_ptr<FftPlan> plan;
  };
  void add(Device& device, int n_frames);
  void share_work_area(Device& device);

  const int n_fft_;
  const int max_frames_;
  bool is_fixed_ = false;
  Memory work_area_;            // outlives the plans
  std::vector<Batch> batches_;  // by n_frames
};

/// Plans are made once for each length and kept: a front end that comes back makes none. Thread-safe.
class FftPlanStore {
 public:
  FftPlanStore(const SharedDevice& shared, const Sizes& sizes) : shared_(shared), sizes_(sizes) {}
  std::shared_ptr<const FftPlans> find_or_make(int n_fft);
  /// True if some length runs by one fixed plan.
  bool any_fixed() const;

 private:
  const SharedDevice shared_;
  const Sizes sizes_;
  mutable std::mutex mutex_;
  std::map<int, std::shared_ptr<const FftPlans>> plans_;  // by mutex_
};

}  // namespace melstream::engine::cuda
