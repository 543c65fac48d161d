// Clips of test data for the clip engine, and what their features must be: the rows of ticks on the same kind of
// device, normalised by engine/normalization.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "melstream/engine/cuda/cuda_clip_engine.hpp"
#include "melstream/engine/engine.hpp"

#include "tests/engine/cuda/emulated_clip_device.hpp"
#include "tests/support/matrix.hpp"

namespace melstream::test {

/// The engine and its device. Outlives the batches that it was given.
class ClipBench {
 public:
  explicit ClipBench(int unit_frames = 64);

  engine::cuda::CudaClipEngine& engine() { return *engine_; }
  EmulatedClipDevice& device() { return *device_; }
  /// One call, run at once; what comes of it.
  ClipMachine machine;

 private:
  std::unique_ptr<engine::cuda::CudaClipEngine> engine_;
  EmulatedClipDevice* device_ = nullptr;
};

enum class Layout {
  kTime,       ///< rows side by side
  kMel,        ///< bins side by side
  kTimeGaps,   ///< rows side by side, with room between them
  kMelGaps,    ///< bins side by side, with room between them and between values
  kBackwards,  ///< the last row first
};
inline constexpr Layout kLayouts[] = {Layout::kTime, Layout::kMel, Layout::kTimeGaps, Layout::kMelGaps,
                                      Layout::kBackwards};

/// A batch with the memory of its outputs. Around the samples is what would show in rows; outputs begin as kUnwritten.
class OwnedClips {
 public:
  static constexpr float kUnwritten = -1e30F;

  /// @param batch without clips and outputs. @param clips as 16-bit samples where the batch says so; they are quantised
  /// already then. @param extra_rows room of each output beyond its rows.
  OwnedClips(engine::ClipBatch batch, const std::vector<std::vector<float>>& clips, Layout layout = Layout::kTime,
             std::int64_t extra_rows = 0);
  OwnedClips(const OwnedClips&) = delete;
  OwnedClips& operator=(const OwnedClips&) = delete;

  engine::ClipBatch& batch() { return batch_; }
  std::vector<engine::DeviceClip>& clips() { return clips_; }
  std::vector<engine::DeviceOutput>& outputs() { return outputs_; }
  /// Rows of a clip as they are now, those that are filled up included.
  Matrix rows(std::size_t clip) const;
  /// True if nothing lies between values but what was there before.
  bool left_gaps_alone() const;

 private:
  engine::ClipBatch batch_;
  std::size_t n_bins_ = 0;
  std::vector<std::vector<float>> float_samples_;
  std::vector<std::vector<std::int16_t>> int16_samples_;
  std::vector<std::vector<float>> values_;
  std::vector<engine::DeviceClip> clips_;
  std::vector<engine::DeviceOutput> outputs_;
};

/// Ticks on an emulated device.
class Reference {
 public:
  Reference();
  /// The rows of a clip as the batch asks for them, and `extra_rows` that are filled up.
  Matrix rows(const engine::ClipBatch& batch, const std::vector<float>& clip, std::int64_t extra_rows = 0);

 private:
  std::unique_ptr<engine::Engine> engine_;
};

/// To 16 bits and back.
std::vector<float> quantised(const std::vector<float>& samples);

/// Every value as normalization.hpp does it; kRunningMax row by row. @param fixed_max of kFixedMax.
void normalize_rows(engine::Normalization normalization, float fixed_max, Matrix& rows);

}  // namespace melstream::test
