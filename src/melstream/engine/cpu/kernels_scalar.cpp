// The kernels without Highway, for any machine.
#include <cstdint>
#include <cstring>
#include <limits>

#include "melstream/engine/cpu/kernel_macros.hpp"
#include "melstream/engine/cpu/kernels.hpp"
#include "melstream/engine/cpu/targets.hpp"
#include "melstream/engine/log_fit.hpp"

#define MELSTREAM_LAMBDA __attribute__((always_inline))

namespace melstream::engine::cpu {
namespace scalar {

// The chapters use what stands before them.
// clang-format off
#include "melstream/engine/cpu/simd_plain-inl.hpp"
#include "melstream/engine/cpu/kernels-inl.hpp"
// clang-format on

}  // namespace scalar

const Kernels& scalar_kernels() noexcept {
  static constexpr Kernels kKernels{"scalar", scalar::kLanes, &scalar::power_of_group, &scalar::rows_of_group,
                                    &scalar::columns_of_group};
  return kKernels;
}

}  // namespace melstream::engine::cpu
