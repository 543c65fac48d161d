// The kernels on Google Highway: this file is compiled once for each instruction target (foreach_target.h includes it
// again and again), and the machine's capabilities choose among them.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "melstream/engine/cpu/kernels_highway.cpp"
#include <array>
#include <cstdint>
#include <limits>

#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

#include "melstream/engine/cpu/kernel_macros.hpp"
#include "melstream/engine/cpu/kernels.hpp"
#include "melstream/engine/cpu/targets.hpp"
#include "melstream/engine/log_fit.hpp"

// Those that are offered. Others that this Highway would make too (a baseline below SSE4, AVX-512 variants whose extra
// instructions the kernels do not use, scalable vectors) stay empty.
#undef MELSTREAM_TARGETS
#define MELSTREAM_TARGETS (HWY_SSE4 | HWY_AVX2 | HWY_AVX3 | HWY_NEON)

#if (HWY_TARGET & MELSTREAM_TARGETS) != 0
#undef MELSTREAM_LAMBDA
#define MELSTREAM_LAMBDA HWY_ATTR __attribute__((always_inline))

HWY_BEFORE_NAMESPACE();
namespace melstream::engine::cpu::HWY_NAMESPACE {

// The chapters use what stands before them.
// clang-format off
#include "melstream/engine/cpu/simd_highway-inl.hpp"
#include "melstream/engine/cpu/kernels-inl.hpp"
// clang-format on

inline Kernels kernels(std::string_view target) {
  return {target, static_cast<int>(kLanes), &power_of_group, &rows_of_group, &columns_of_group};
}

}  // namespace melstream::engine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
#include <vector>

namespace melstream::engine::cpu {
namespace {

struct Offer {
  std::int64_t target;
  Kernels kernels;
};

/// Best first.
std::span<const Offer> offers() {
  static const std::vector<Offer> kOffers = {
#if (HWY_TARGETS & HWY_AVX3) != 0
    {HWY_AVX3, N_AVX3::kernels("avx512")},
#endif
#if (HWY_TARGETS & HWY_AVX2) != 0
    {HWY_AVX2, N_AVX2::kernels("avx2")},
#endif
#if (HWY_TARGETS & HWY_SSE4) != 0
    {HWY_SSE4, N_SSE4::kernels("sse4")},
#endif
#if (HWY_TARGETS & HWY_NEON) != 0
    {HWY_NEON, N_NEON::kernels("neon")},
#endif
  };
  return kOffers;
}

}  // namespace

std::span<const Kernels* const> highway_kernels() {
  static const std::vector<const Kernels*> kRunnable = [] {
    std::vector<const Kernels*> runnable;
    for (const Offer& offer : offers()) {
      if ((hwy::SupportedTargets() & offer.target) != 0) runnable.push_back(&offer.kernels);
    }
    return runnable;
  }();
  return kRunnable;
}

}  // namespace melstream::engine::cpu
#endif  // HWY_ONCE
