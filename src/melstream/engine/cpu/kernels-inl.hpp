// The kernels of one instruction target. kernels_highway.cpp includes this file once a target, kernels_scalar.cpp once,
// inside that target's namespace: the files below are its chapters, not headers of their own, so they have no guard.

#include "melstream/engine/cpu/butterflies-inl.hpp"
#include "melstream/engine/cpu/fft400-inl.hpp"
#include "melstream/engine/cpu/fft512-inl.hpp"
#include "melstream/engine/cpu/fft_any-inl.hpp"
#include "melstream/engine/cpu/gather-inl.hpp"
#include "melstream/engine/cpu/log-inl.hpp"
#include "melstream/engine/cpu/rows-inl.hpp"

static_assert(kUnitFrames % kLanes == 0 && kLanes <= kMaxLanes);

inline void power_of_group(const TransformTables& tables, const FrameGroup& group,
                           const Workspace& workspace) noexcept {
  gather(tables, group, workspace);
  // A filter that ends at the last bin may be filled up by one behind it.
  store(broadcast(0.0F), workspace.power() + static_cast<std::size_t>(tables.fft.n_bins) * kLanes);
  switch (tables.fft.kind) {
    case FftKind::k400:
      return fft400_power(tables.fft, workspace.input(), workspace.power());
    case FftKind::k512:
      return fft512_power(tables.fft, workspace.input(), workspace.power());
    case FftKind::kAny:
      return fft_any_power(tables.fft, workspace.input(), workspace.scratch(), workspace.power());
  }
}
