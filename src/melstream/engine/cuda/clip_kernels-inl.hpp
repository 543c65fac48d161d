// The kernels of clips in device memory, one warp a frame, row, clip or task, as functions over a Warp
// (kernels-inl.hpp). A row is computed by the functions that compute a tick's: the bits are the same.
#pragma once

#include <cstdint>

#include "melstream/engine/cuda/clip_geometry-inl.hpp"
#include "melstream/engine/cuda/clip_params.hpp"
#include "melstream/engine/cuda/kernels-inl.hpp"

namespace melstream::engine::cuda {

/// 16-bit samples that lie inside their clip.
struct Int16Samples {
  const std::int16_t* samples = nullptr;
  MELSTREAM_KERNEL float operator[](int n) const { return static_cast<float>(samples[n]) / 32768.0F; }
};

/// Samples of a frame that reaches beyond what its clip has.
struct EdgeSamples {
  const ClipRecord& clip;
  SampleType type = SampleType::kFloat32;
  Edge edge = Edge::kNone;
  std::int64_t start = 0;  ///< position of sample 0
  MELSTREAM_KERNEL float operator[](int n) const {
    const std::int64_t source = edge_source(edge, start + n, clip.length);
    if (source < 0 || source >= clip.n_samples) return 0.0F;
    if (type == SampleType::kFloat32) return static_cast<const float*>(clip.samples)[source];
    return Int16Samples{static_cast<const std::int16_t*>(clip.samples) + source}[0];
  }
};

/// @param scratch [n_window] floats of this warp's own.
template <typename Warp>
MELSTREAM_KERNEL void gather_clip_frame(const Warp& warp, const GatherClipsParams& p, int frame, float* scratch) {
  const std::int64_t slot = p.first_slot + frame;
  const ClipRecord& clip = p.clips.records[clip_with(p.clips, slot, &ClipRecord::first_slot)];
  const FrameGeometry& g = p.slots.frame;
  const std::int64_t t = frame_in_slot(p.slots, clip, slot - clip.first_slot);
  const std::int64_t start = frame_start(g, t);
  const int n_valid = frame_samples_before(g, t, clip.length);
  if (start - g.lead < 0 || start + g.window > clip.n_samples) {
    gather_samples(warp, p.gather, frame, EdgeSamples{clip, p.sample_type, g.edge, start}, n_valid, scratch);
  } else if (p.sample_type == SampleType::kFloat32) {
    gather_samples(warp, p.gather, frame, static_cast<const float*>(clip.samples) + start, n_valid, scratch);
  } else {
    const Int16Samples samples{static_cast<const std::int16_t*>(clip.samples) + start};
    gather_samples(warp, p.gather, frame, samples, n_valid, scratch);
  }
}

/// A row of the batch, in its clip's output.
struct RowOfClip {
  float* values = nullptr;  ///< of bin 0
  std::int64_t bin_stride = 1;
  float* maximum = nullptr;
  bool is_fixed = false;
  float floor = 0.0F;
  MELSTREAM_KERNEL void put(int i, float v) const { values[i * bin_stride] = is_fixed ? whisper_value(v, floor) : v; }
  MELSTREAM_KERNEL bool wants_maximum() const { return maximum != nullptr; }
  MELSTREAM_KERNEL void put_maximum(float v) const { *maximum = v; }
};

/// @param row of the batch.
MELSTREAM_KERNEL RowOfClip row_of_clip(const ClipTarget& target, const ClipRecord& clip, std::int64_t row) {
  const DeviceOutput& output = clip.output;
  return {output.values + (row - clip.first_row) * output.row_stride, output.bin_stride,
          target.maxima != nullptr ? target.maxima + row : nullptr, target.is_fixed, target.floor};
}

MELSTREAM_KERNEL const ClipRecord& clip_of_row(const ClipTarget& target, std::int64_t row) {
  return target.clips.records[clip_with(target.clips, row, &ClipRecord::first_row)];
}

/// @param scratch [n_bins + n_mels] floats of this warp's own.
template <typename Warp>
MELSTREAM_KERNEL void compute_clip_row(const Warp& warp, const RowsOfClipsParams& p, int frame, float* scratch) {
  const std::int64_t row = p.target.first_row + frame;
  compute_values(warp, p.rows, frame, scratch, row_of_clip(p.target, clip_of_row(p.target, row), row));
}

/// A frame as a base row of the launch; those far beyond every row stay within 32 bits.
MELSTREAM_KERNEL std::int32_t base_row_of(std::int64_t frame) {
  constexpr std::int64_t kFar = std::int64_t{1} << 30;
  return static_cast<std::int32_t>(clamped_to(-kFar, frame, kFar));
}

MELSTREAM_KERNEL AssembleJob job_of_row(const AssembleClipsParams& p, const ClipRecord& clip, std::int64_t row) {
  const LowFrameRate& lfr = p.slots.lfr;
  const std::int64_t clip_base = clip.first_slot - p.first_slot;
  AssembleJob job;
  if (p.slots.is_sparse) {
    const std::int64_t base = clip_base + row * lfr.m;
    job.centre = base_row_of(base + lfr.m / 2);
    job.low = base_row_of(base);
    job.high = base_row_of(base + lfr.m - 1);
  } else {
    const int centre_of_row_0 = p.assemble.smoothing == Smoothing::kBox3x3Valid ? 1 : 0;
    job.centre = base_row_of(clip_base + row * lfr.n + centre_of_row_0);
    job.low = base_row_of(clip_base);
    job.high = base_row_of(clip_base + clip.n_frames - 1);
  }
  return job;
}

template <typename Warp>
MELSTREAM_KERNEL void assemble_clip_row(const Warp& warp, const AssembleClipsParams& p, int index) {
  const std::int64_t row = p.target.first_row + index;
  const ClipRecord& clip = clip_of_row(p.target, row);
  assemble_values(warp, p.assemble, job_of_row(p, clip, row - clip.first_row), row_of_clip(p.target, clip, row));
}

MELSTREAM_KERNEL float larger(float a, float b) { return b > a ? b : a; }

/// The clip's first maximum becomes that of all its rows.
template <typename Warp>
MELSTREAM_KERNEL void largest_of_clip(const Warp& warp, const MaximaParams& p, const ClipRecord& clip) {
  float* const maxima = p.maxima + clip.first_row;
  typename Warp::template PerLane<float> largest;
  warp.lanes([&](int lane) {
    float m = no_maximum();
    for (std::int64_t row = lane; row < clip.n_rows; row += kWarpLanes) m = larger(m, maxima[row]);
    largest(lane) = m;
  });
  const float m = warp.max(largest);
  warp.lanes([&](int lane) {
    if (lane == 0) maxima[0] = m;
  });
}

/// Each maximum becomes that of all rows so far: each lane has a stretch of rows of its own.
/// @param scratch [32] floats of this warp's own.
template <typename Warp>
MELSTREAM_KERNEL void running_maxima(const Warp& warp, const MaximaParams& p, const ClipRecord& clip, float* scratch) {
  float* const maxima = p.maxima + clip.first_row;
  const std::int64_t n = (clip.n_rows + kWarpLanes - 1) / kWarpLanes;
  const auto end_of = [&](int lane) { return clamped_to(0, (lane + 1) * n, clip.n_rows); };
  warp.lanes([&](int lane) {
    float m = no_maximum();
    for (std::int64_t row = lane * n; row < end_of(lane); ++row) m = larger(m, maxima[row]);
    scratch[lane] = m;
  });
  warp.lanes([&](int lane) {
    float m = no_maximum();
    for (int before = 0; before < lane; ++before) m = larger(m, scratch[before]);
    for (std::int64_t row = lane * n; row < end_of(lane); ++row) {
      m = larger(m, maxima[row]);
      maxima[row] = m;
    }
  });
}

/// @param scratch [32] floats of this warp's own.
template <typename Warp>
MELSTREAM_KERNEL void take_maxima(const Warp& warp, const MaximaParams& p, int index, float* scratch) {
  const ClipRecord& clip = p.clips.records[index];
  if (clip.n_rows == 0) return;
  if (p.is_running) {
    running_maxima(warp, p, clip, scratch);
  } else {
    largest_of_clip(warp, p, clip);
  }
}

/// @param index of a clip's 32 bins.
template <typename Warp>
MELSTREAM_KERNEL void take_feature_scales(const Warp& warp, const FeatureScalesParams& p, int index) {
  const int n_groups = feature_groups(p.n_bins);
  const int clip_index = index / n_groups;
  const ClipRecord& clip = p.clips.records[clip_index];
  if (clip.n_rows < 2) return;  // one row has no deviation
  FeatureScale* const scales = p.scales + static_cast<std::int64_t>(clip_index) * p.n_bins;
  warp.lanes([&](int lane) {
    const int bin = (index - clip_index * n_groups) * kWarpLanes + lane;
    if (bin >= p.n_bins) return;
    scales[bin] = feature_scale(clip.output.values + bin * clip.output.bin_stride, clip.n_rows, clip.output.row_stride);
  });
}

/// The figures of one clip, as its values are normalised by them.
struct ClipFigures {
  Normalization normalization = Normalization::kNone;
  bool has_one_row = false;
  float floor = 0.0F;                    ///< of kWhisperWindow
  const float* maxima = nullptr;         ///< [n_rows]
  const FeatureScale* scales = nullptr;  ///< [n_bins]

  MELSTREAM_KERNEL float normalised(float v, std::int64_t row, std::int64_t bin) const {
    switch (normalization) {
      case Normalization::kWhisperWindow:
        return whisper_value(v, floor);
      case Normalization::kRunningMax:
        return whisper_value(v, whisper_floor(maxima[row]));
      case Normalization::kPerFeatureWindow:
        return has_one_row ? 0.0F : feature_value(v, scales[bin]);
      case Normalization::kNone:
      case Normalization::kFixedMax:
        break;
    }
    return v;
  }
};

MELSTREAM_KERNEL ClipFigures figures_of(const FinishParams& p, const ClipRecord& clip, int clip_index) {
  ClipFigures figures;
  figures.normalization = p.normalization;
  figures.has_one_row = clip.n_rows == 1;
  if (p.maxima != nullptr) figures.maxima = p.maxima + clip.first_row;
  if (p.scales != nullptr) figures.scales = p.scales + static_cast<std::int64_t>(clip_index) * p.n_bins;
  if (p.normalization == Normalization::kWhisperWindow && clip.n_rows > 0) {
    figures.floor = whisper_floor(figures.maxima[0]);
  }
  return figures;
}

template <typename Warp>
MELSTREAM_KERNEL void finish_task(const Warp& warp, const FinishParams& p, int index) {
  const int clip_index = clip_with(p.clips, index, &ClipRecord::first_task);
  const ClipRecord& clip = p.clips.records[clip_index];
  const FinishGrid grid = finish_grid(clip, p.n_bins, p.normalization == Normalization::kNone);
  const std::int64_t task = index - clip.first_task;
  const std::int64_t block = task / grid.n_tasks_of_lines;
  const std::int64_t first_line = block * FinishGrid::kTaskLines;
  const std::int64_t end_line = clamped_to(0, first_line + FinishGrid::kTaskLines, grid.n_lines);
  const std::int64_t first = (task - block * grid.n_tasks_of_lines) * FinishGrid::kTaskValues;
  const std::int64_t end = clamped_to(0, first + FinishGrid::kTaskValues, grid.n_values);
  const ClipFigures figures = figures_of(p, clip, clip_index);
  const DeviceOutput output = clip.output;
  const std::int64_t n_rows = clip.n_rows;
  warp.lanes([&](int lane) {
    for (std::int64_t line = first_line; line < end_line; ++line) {
      for (std::int64_t i = first + lane; i < end; i += kWarpLanes) {
        const std::int64_t row = grid.first_row + (grid.are_lines_bins ? i : line);
        const std::int64_t bin = grid.are_lines_bins ? line : i;
        float& value = output.values[row * output.row_stride + bin * output.bin_stride];
        value = row < n_rows ? figures.normalised(value, row, bin) : p.fill;
      }
    }
  });
}

/// One record to the table.
template <typename Warp>
MELSTREAM_KERNEL void describe_clip(const Warp& warp, const DescribeParams& p, int index) {
  warp.lanes([&](int lane) {
    if (lane == 0) p.to[index] = p.records[index];
  });
}

}  // namespace melstream::engine::cuda
