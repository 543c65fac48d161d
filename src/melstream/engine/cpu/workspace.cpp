#include "melstream/engine/cpu/workspace.hpp"

#include <algorithm>
#include <new>

namespace melstream::engine::cpu {
namespace {

constexpr std::size_t kFftFloats = std::size_t{kMaxFft} * kMaxLanes;
constexpr std::size_t kInputFloats = fft_input_vectors(kMaxFft) * kMaxLanes;

}  // namespace

AlignedFloats::AlignedFloats(std::size_t n_floats)
    : floats_(static_cast<float*>(::operator new[](n_floats * sizeof(float), std::align_val_t{kAlignment}))) {
  std::fill_n(floats_.get(), n_floats, 0.0F);
}

void AlignedFloats::Free::operator()(float* floats) const noexcept {
  ::operator delete[](floats, std::align_val_t{kAlignment});
}

Workspace::Workspace()
    : raw_(kFftFloats),
      input_(kInputFloats),
      scratch_(kFftFloats),
      power_(kFftFloats / 2 + 2 * kMaxLanes),
      energy_(kMaxLanes),
      values_(std::size_t{kMaxMels} * kMaxLanes),
      copies_(kMaxLanes * kFrameStride),
      base_rows_(std::size_t{kMaxSharing} * kUnitFrames * kMaxMels),
      assembled_(kAssembledFloats),
      unwanted_(kMaxMels) {}

}  // namespace melstream::engine::cpu
