// The kernels as CUDA runs them: a warp of threads a frame or row, no barriers beyond the warp.
#include "melstream/engine/cuda/device_warp.cuh"
#include "melstream/engine/cuda/kernels-inl.hpp"
#include "melstream/engine/cuda/kernels.cuh"

namespace melstream::engine::cuda {
namespace {

__global__ void __launch_bounds__(kMaxWarps* kWarpLanes) gather_kernel(const GatherParams params) {
  const int frame = index_of_warp();
  if (frame < params.n_frames) gather_frame(DeviceWarp(), params, frame, scratch_of_warp(params.n_window));
}

__global__ void __launch_bounds__(kMaxWarps* kWarpLanes) rows_kernel(const RowsParams params) {
  const int frame = index_of_warp();
  if (frame < params.n_frames) {
    compute_row(DeviceWarp(), params, frame, scratch_of_warp(params.n_bins + params.n_mels));
  }
}

__global__ void __launch_bounds__(kMaxWarps* kWarpLanes) assemble_kernel(const AssembleParams params) {
  const int row = index_of_warp();
  if (row < params.n_rows) assemble_row(DeviceWarp(), params, row);
}

}  // namespace

cudaError_t launch_gather(const GatherParams& params, cudaStream_t cuda_stream) {
  if (params.n_frames == 0) return cudaSuccess;
  const Launch launch = launch_of(params.n_frames, params.n_window);
  gather_kernel<<<launch.n_blocks, launch.n_threads, launch.shared_bytes, cuda_stream>>>(params);
  return cudaGetLastError();
}

cudaError_t launch_rows(const RowsParams& params, cudaStream_t cuda_stream) {
  if (params.n_frames == 0) return cudaSuccess;
  const Launch launch = launch_of(params.n_frames, params.n_bins + params.n_mels);
  rows_kernel<<<launch.n_blocks, launch.n_threads, launch.shared_bytes, cuda_stream>>>(params);
  return cudaGetLastError();
}

cudaError_t launch_assemble(const AssembleParams& params, cudaStream_t cuda_stream) {
  if (params.n_rows == 0) return cudaSuccess;
  const Launch launch = launch_of(params.n_rows, 0);
  assemble_kernel<<<launch.n_blocks, launch.n_threads, launch.shared_bytes, cuda_stream>>>(params);
  return cudaGetLastError();
}

cudaError_t load_kernels(cudaStream_t cuda_stream) {
  gather_kernel<<<1, kWarpLanes, 0, cuda_stream>>>(GatherParams{});
  if (const cudaError_t result = cudaGetLastError(); result != cudaSuccess) return result;
  rows_kernel<<<1, kWarpLanes, 0, cuda_stream>>>(RowsParams{});
  if (const cudaError_t result = cudaGetLastError(); result != cudaSuccess) return result;
  assemble_kernel<<<1, kWarpLanes, 0, cuda_stream>>>(AssembleParams{});
  return cudaGetLastError();
}

}  // namespace melstream::engine::cuda
