#include "melstream/capi/device_clips.hpp"

#include <cstddef>
#include <string>
#include <vector>

#include "melstream/capi/options.hpp"
#include "melstream/engine/framing.hpp"

namespace melstream::capi {

void extract_on_device(engine::ClipEngine& engine, const ClipRules& rules, std::span<const melstream_clip> clips,
                       std::span<const melstream_output> outputs, void* cuda_stream) {
  std::vector<engine::DeviceClip> device_clips;
  std::vector<engine::DeviceOutput> device_outputs;
  device_clips.reserve(clips.size());
  device_outputs.reserve(outputs.size());
  const engine::RowGeometry geometry = rules.front_end->rows(rules.smoothing);
  const std::int64_t n_bins = rules.front_end->n_bins(rules.smoothing);
  for (std::size_t i = 0; i < clips.size(); ++i) {
    check_samples(clips[i].samples, clips[i].n_samples, rules.sample_type, "clips[" + std::to_string(i) + "].");
    const std::int64_t n_samples = rules.pad_to_samples > 0 ? rules.pad_to_samples : clips[i].n_samples;
    check_output(outputs[i], engine::row_count(geometry, n_samples), n_bins, i, n_samples);
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
