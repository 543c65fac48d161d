// The kernels of clips as CUDA runs them: a warp of threads a frame, row, clip or task.
#include "melstream/engine/cuda/clip_kernels-inl.hpp"
#include "melstream/engine/cuda/clip_kernels.cuh"
#include "melstream/engine/cuda/device_warp.cuh"

namespace melstream::engine::cuda {
namespace {

constexpr int kMostThreads = kMaxWarps * kWarpLanes;

/// The records are read by index: a copy of the parameters in local memory would be made for that.
__global__ void __launch_bounds__(kMostThreads) describe_kernel(const __grid_constant__ DescribeParams params) {
  const int record = index_of_warp();
  if (record < params.n_records) describe_clip(DeviceWarp(), params, record);
}

__global__ void __launch_bounds__(kMostThreads) gather_clips_kernel(const GatherClipsParams params) {
  const int frame = index_of_warp();
  if (frame < params.gather.n_frames) {
    gather_clip_frame(DeviceWarp(), params, frame, scratch_of_warp(params.gather.n_window));
  }
}

__global__ void __launch_bounds__(kMostThreads) rows_of_clips_kernel(const RowsOfClipsParams params) {
  const int frame = index_of_warp();
  if (frame < params.rows.n_frames) {
    compute_clip_row(DeviceWarp(), params, frame, scratch_of_warp(params.rows.n_bins + params.rows.n_mels));
  }
}

__global__ void __launch_bounds__(kMostThreads) assemble_clips_kernel(const AssembleClipsParams params) {
  const int row = index_of_warp();
  if (row < params.assemble.n_rows) assemble_clip_row(DeviceWarp(), params, row);
}

__global__ void __launch_bounds__(kMostThreads) maxima_kernel(const MaximaParams params) {
  const int clip = index_of_warp();
  if (clip < params.clips.n_clips) take_maxima(DeviceWarp(), params, clip, scratch_of_warp(kWarpLanes));
}

__global__ void __launch_bounds__(kMostThreads)
    feature_scales_kernel(const FeatureScalesParams params, const int n_groups) {
  const int group = index_of_warp();
  if (group < n_groups) take_feature_scales(DeviceWarp(), params, group);
}

__global__ void __launch_bounds__(kMostThreads) finish_kernel(const FinishParams params) {
  const int task = index_of_warp();
  if (task < params.n_tasks) finish_task(DeviceWarp(), params, task);
}

/// Launches n_warps of a kernel; nothing if there are none.
template <typename... Params, typename... Given>
cudaError_t launch(void (*kernel)(Params...), int n_warps, int scratch_floats, cudaStream_t cuda_stream,
                   const Given&... given) {
  if (n_warps == 0) return cudaSuccess;
  const Launch size = launch_of(n_warps, scratch_floats);
  kernel<<<size.n_blocks, size.n_threads, size.shared_bytes, cuda_stream>>>(given...);
  return cudaGetLastError();
}

/// Launches one warp with nothing to do.
template <typename... Params>
cudaError_t load(void (*kernel)(Params...), cudaStream_t cuda_stream) {
  kernel<<<1, kWarpLanes, 0, cuda_stream>>>(Params{}...);
  return cudaGetLastError();
}

}  // namespace

cudaError_t launch_describe(const DescribeParams& params, cudaStream_t cuda_stream) {
  return launch(describe_kernel, params.n_records, 0, cuda_stream, params);
}

cudaError_t launch_gather_clips(const GatherClipsParams& params, cudaStream_t cuda_stream) {
  return launch(gather_clips_kernel, params.gather.n_frames, params.gather.n_window, cuda_stream, params);
}

cudaError_t launch_rows_of_clips(const RowsOfClipsParams& params, cudaStream_t cuda_stream) {
  return launch(rows_of_clips_kernel, params.rows.n_frames, params.rows.n_bins + params.rows.n_mels, cuda_stream,
                params);
}

cudaError_t launch_assemble_clips(const AssembleClipsParams& params, cudaStream_t cuda_stream) {
  return launch(assemble_clips_kernel, params.assemble.n_rows, 0, cuda_stream, params);
}

cudaError_t launch_maxima(const MaximaParams& params, cudaStream_t cuda_stream) {
  return launch(maxima_kernel, params.clips.n_clips, kWarpLanes, cuda_stream, params);
}

cudaError_t launch_feature_scales(const FeatureScalesParams& params, cudaStream_t cuda_stream) {
  const int n_groups = params.clips.n_clips * feature_groups(params.n_bins);
  return launch(feature_scales_kernel, n_groups, 0, cuda_stream, params, n_groups);
}

cudaError_t launch_finish(const FinishParams& params, cudaStream_t cuda_stream) {
  return launch(finish_kernel, static_cast<int>(params.n_tasks), 0, cuda_stream, params);
}

cudaError_t load_clip_kernels(cudaStream_t cuda_stream) {
  for (const cudaError_t result :
       {load(describe_kernel, cuda_stream), load(gather_clips_kernel, cuda_stream),
        load(rows_of_clips_kernel, cuda_stream), load(assemble_clips_kernel, cuda_stream),
        load(maxima_kernel, cuda_stream), load(feature_scales_kernel, cuda_stream), load(finish_kernel, cuda_stream)}) {
    if (result != cudaSuccess) return result;
  }
  return cudaSuccess;
}

}  // namespace melstream::engine::cuda
