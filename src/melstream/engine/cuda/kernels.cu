// The kernels as CUDA runs them: a warp of threads a frame or row, no barriers beyond the warp.
#include <algorithm>

#include "melstream/engine/cuda/kernels-inl.hpp"
#include "melstream/engine/cuda/kernels.cuh"

namespace melstream::engine::cuda {
namespace {

constexpr unsigned kAllLanes = 0xFFFFFFFFU;
constexpr int kMaxWarps = 4;
/// Shared memory that every device gives a block without being asked.
constexpr std::size_t kSharedBytes = std::size_t{48} << 10;

/// The 32 threads that run this code together (kernels-inl.hpp says what a Warp offers).
struct DeviceWarp {
  template <typename T>
  class PerLane {
   public:
    __device__ T& operator()(int) noexcept { return value_; }

   private:
    T value_{};
  };

  __device__ static int lane() { return static_cast<int>(threadIdx.x % kWarpLanes); }

  template <typename F>
  __device__ __forceinline__ void lanes(const F& f) const {
    f(lane());
    __syncwarp();
  }
  __device__ __forceinline__ float sum(PerLane<float> v) const {
    float x = v(lane());
    for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(kAllLanes, x, step);
    return x;
  }
  __device__ __forceinline__ float max(PerLane<float> v) const {
    float x = v(lane());
    for (int step = 16; step > 0; step /= 2) {
      const float other = __shfl_xor_sync(kAllLanes, x, step);
      x = other > x ? other : x;
    }
    return x;
  }
};

/// Which frame or row this warp has, of all warps of the grid.
__device__ int index_of_warp() { return static_cast<int>((blockIdx.x * blockDim.x + threadIdx.x) / kWarpLanes); }

/// This warp's part of the block's shared memory.
__device__ float* scratch_of_warp(int n_floats) {
  extern __shared__ float shared[];
  return shared + static_cast<int>(threadIdx.x / kWarpLanes) * n_floats;
}

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

struct Launch {
  unsigned n_blocks = 0;
  unsigned n_threads = 0;
  std::size_t shared_bytes = 0;
};

/// As many warps a block as their scratch memory allows.
Launch launch_of(int n_warps, int scratch_floats) {
  const std::size_t bytes_of_warp = static_cast<std::size_t>(scratch_floats) * sizeof(float);
  const std::size_t fit = bytes_of_warp == 0 ? kMaxWarps : kSharedBytes / bytes_of_warp;
  const int warps = static_cast<int>(std::clamp<std::size_t>(fit, 1, kMaxWarps));
  return {static_cast<unsigned>((n_warps + warps - 1) / warps), static_cast<unsigned>(warps * kWarpLanes),
          static_cast<std::size_t>(warps) * bytes_of_warp};
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
