// A warp of CUDA's, and how many of them a launch has. For the CUDA compiler.
#pragma once

#include <algorithm>
#include <cstddef>

#include "melstream/engine/cuda/kernels-inl.hpp"

namespace melstream::engine::cuda {

inline constexpr unsigned kAllLanes = 0xFFFFFFFFU;
inline constexpr int kMaxWarps = 4;
/// Shared memory that every device gives a block without being asked.
inline constexpr std::size_t kSharedBytes = std::size_t{48} << 10;

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
inline __device__ int index_of_warp() { return static_cast<int>((blockIdx.x * blockDim.x + threadIdx.x) / kWarpLanes); }

/// This warp's part of the block's shared memory.
inline __device__ float* scratch_of_warp(int n_floats) {
  extern __shared__ float shared[];
  return shared + static_cast<int>(threadIdx.x / kWarpLanes) * n_floats;
}

struct Launch {
  unsigned n_blocks = 0;
  unsigned n_threads = 0;
  std::size_t shared_bytes = 0;
};

/// As many warps a block as their scratch memory allows.
inline Launch launch_of(int n_warps, int scratch_floats) {
  const std::size_t bytes_of_warp = static_cast<std::size_t>(scratch_floats) * sizeof(float);
  const std::size_t fit = bytes_of_warp == 0 ? kMaxWarps : kSharedBytes / bytes_of_warp;
  const int warps = static_cast<int>(std::clamp<std::size_t>(fit, 1, kMaxWarps));
  return {static_cast<unsigned>((n_warps + warps - 1) / warps), static_cast<unsigned>(warps * kWarpLanes),
          static_cast<std::size_t>(warps) * bytes_of_warp};
}

}  // namespace melstream::engine::cuda
