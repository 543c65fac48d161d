// A warp on the host: its lanes run one after another between two places where a real warp synchronises.
#pragma once

#include <array>

#include "melstream/engine/cuda/kernels-inl.hpp"

namespace melstream::test {

/// @tparam kBackwards the last lane runs first. Lanes of a real warp run at once: where the order makes a difference,
/// one lane reads what another one writes without waiting for it.
template <bool kBackwards>
struct WarpOnHost {
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
    for (int i = 0; i < engine::cuda::kWarpLanes; ++i) f(kBackwards ? engine::cuda::kWarpLanes - 1 - i : i);
  }

  /// The tree of __shfl_xor_sync with 16, 8, 4, 2, 1: what lane 0 gets.
  float sum(PerLane<float> v) const noexcept {
    for (int step = engine::cuda::kWarpLanes / 2; step > 0; step /= 2) {
      for (int lane = 0; lane < step; ++lane) v(lane) = v(lane) + v(lane + step);
    }
    return v(0);
  }
  float max(const PerLane<float>& v) const noexcept {
    float largest = v(0);
    for (int lane = 1; lane < engine::cuda::kWarpLanes; ++lane) largest = v(lane) > largest ? v(lane) : largest;
    return largest;
  }
};

using HostWarp = WarpOnHost<false>;

}  // namespace melstream::test
