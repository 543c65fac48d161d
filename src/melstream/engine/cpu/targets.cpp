#include "melstream/engine/cpu/targets.hpp"

#include <vector>

namespace melstream::engine::cpu {

std::span<const Kernels* const> runnable_kernels() {
  static const std::vector<const Kernels*> kRunnable = [] {
    std::vector<const Kernels*> runnable;
#if MELSTREAM_HAS_HIGHWAY
    const std::span<const Kernels* const> highway = highway_kernels();
    runnable.assign(highway.begin(), highway.end());
#endif
    runnable.push_back(&scalar_kernels());
    return runnable;
  }();
  return kRunnable;
}

}  // namespace melstream::engine::cpu
