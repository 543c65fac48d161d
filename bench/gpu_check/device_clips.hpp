// Clips and their features in memory of the device, as a program has them that computes there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "melstream/engine/clip_engine.hpp"
#include "melstream/engine/cuda/device.hpp"

#include "tests/support/matrix.hpp"

namespace melstream::bench {

enum class ClipLayout { kTime, kMel };

/// The memory of one batch. Thread: one.
class DeviceClips {
 public:
  /// @param device outlives this; its queue is used. @param batch without clips and outputs. @param clips quantised to
  /// 16 bits where the batch says so.
  DeviceClips(engine::cuda::Device& device, engine::ClipBatch batch, std::span<const std::vector<float>> clips,
              ClipLayout layout);
  DeviceClips(const DeviceClips&) = delete;
  DeviceClips& operator=(const DeviceClips&) = delete;

  /// With addresses of the device.
  const engine::ClipBatch& batch() const noexcept { return batch_; }
  std::int64_t n_rows() const noexcept { return n_rows_; }
  double seconds_of_audio() const noexcept { return seconds_of_audio_; }
  /// The rows of each clip, copied from the device: the engine must have written them.
  std::vector<test::Matrix> rows();

 private:
  void put_samples(std::span<const std::vector<float>> clips);
  void put_outputs(std::span<const std::vector<float>> clips, ClipLayout layout);

  engine::cuda::Device& device_;
  engine::ClipBatch batch_;
  std::size_t n_bins_ = 0;
  std::int64_t n_rows_ = 0;
  double seconds_of_audio_ = 0.0;
  engine::cuda::Memory samples_;
  engine::cuda::Memory values_;
  engine::cuda::Memory host_values_;  ///< pinned
  std::vector<engine::DeviceClip> clips_;
  std::vector<engine::DeviceOutput> outputs_;
};

/// To 16 bits and back.
std::vector<float> quantised(std::span<const float> samples);

}  // namespace melstream::bench
