// A warp on the host: its lanes run one after another between two places where a real warp synchronises.
#pragma once

#include <array>

#include "melstream/engine/cuda/kernels-inl.hpp"

namespace melstream::test {

struct HostWarp {
  template <typename T>
  class PerLane {
   public:
    T& operator()(int lane) noexcept { return values_[static_cast<std::size_t>(lane)]; }
    const T& operator()(int lane) const noexcept { return values_[static_cast<std::size_t>(lane)]; }

   private:
    std::array<T, engine::cuda::kWarpLanes> values_{};
  };

  template <typename F>
  void lanes(const F& f) const {
    for (int lane = 0; lane < engine::cuda::kWarpLanes; ++lane) f(lane);
  }

  /// The tree of __shfl_xor_sync with 16, 8, 4, 2, 1: what lane 0 gets.
  float sum(PerLane<float> v) const noexcept {
    for (int step = 16; step > 0; step /= 2) {
      PerLane<float> next = v;
      for (int lane = 0; lane < engine::cuda::kWarpLanes; ++lane) next(lane) = v(lane) + v(lane ^ step);
      v = next;
    }
    return v(0);
  }
  float max(PerLane<float> v) const noexcept {
    float largest = v(0);
    for (int lane = 1; lane < engine::cuda::kWarpLanes; ++lane) largest = v(lane) > largest ? v(lane) : largest;
    return largest;
  }
};

}  // namespace melstream::test
