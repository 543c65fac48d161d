#include "melstream/capi/device_clips.hpp"

#include <cstddef>
#include <vector>

namespace melstream::capi {

void extract_on_device(engine::ClipEngine& engine, const ClipRules& rules, std::span<const melstream_clip> clips,
                       std::span<const melstream_output> outputs, void* cuda_stream) {
  std::vector<engine::DeviceClip> device_clips;
  std::vector<engine::DeviceOutput> device_outputs;
  device_clips.reserve(clips.size());
  device_outputs.reserve(outputs.size());
  for (std::size_t i = 0; i < clips.size(); ++i) {
    device_clips.push_back({clips[i].samples, clips[i].n_samples});
    device_outputs.push_back({outputs[i].values, outputs[i].n_rows, outputs[i].row_stride, outputs[i].bin_stride});
  }
  engine::ClipBatch batch;
  batch.front_end = rules.front_end;
  batch.smoothing = rules.smoothing;
  batch.normalization = rules.normalization;
  batch.fixed_max = rules.fixed_max;
  batch.fill = rules.fill;
  batch.pad_to_samples = rules.pad_to_samples;
  batch.sample_type = rules.sample_type == MELSTREAM_INT16 ? engine::SampleType::kInt16 : engine::SampleType::kFloat32;
  batch.clips = device_clips;
  batch.outputs = device_outputs;
  engine.extract_async(batch, cuda_stream);
}

}  // namespace melstream::capi
