#include "melstream/capi/samples.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>

#include "melstream/capi/status.hpp"

namespace melstream::capi {
namespace {

constexpr std::uint32_t kExponent = 0x7F800000U;  // all set: NaN or infinite

/// Without a branch and many side by side, so that the compiler makes vectors of it.
inline __attribute__((always_inline)) bool are_finite(std::span<const float> samples) noexcept {
  constexpr std::size_t kAtOnce = 32;
  std::array<std::uint32_t, kAtOnce> bad{};
  const auto is_bad = [](float sample) {
    return (std::bit_cast<std::uint32_t>(sample) & kExponent) == kExponent ? ~0U : 0U;
  };
  std::size_t i = 0;
  for (; i + kAtOnce <= samples.size(); i += kAtOnce) {
    for (std::size_t k = 0; k < kAtOnce; ++k) bad[k] |= is_bad(samples[i + k]);
  }
  for (; i < samples.size(); ++i) bad[0] |= is_bad(samples[i]);
  return std::all_of(bad.begin(), bad.end(), [](std::uint32_t b) { return b == 0; });
}

#if defined(__x86_64__)
// The same, compiled for vectors of eight: every sample is looked at, which a baseline of four would make felt.
__attribute__((target("avx2"))) bool are_finite_by_avx2(std::span<const float> samples) noexcept {
  return are_finite(samples);
}

bool all_finite(std::span<const float> samples) noexcept {
  static const bool kHasAvx2 = __builtin_cpu_supports("avx2") != 0;
  return kHasAvx2 ? are_finite_by_avx2(samples) : are_finite(samples);
}
#else
bool all_finite(std::span<const float> samples) noexcept { return are_finite(samples); }
#endif

}  // namespace

std::int64_t first_not_finite(std::span<const float> samples) noexcept {
  constexpr std::size_t kBlock = 4096;
  for (std::size_t begin = 0; begin < samples.size(); begin += kBlock) {
    const auto block = samples.subspan(begin, std::min(kBlock, samples.size() - begin));
    if (all_finite(block)) continue;
    const auto it = std::find_if(block.begin(), block.end(), [](float sample) { return !std::isfinite(sample); });
    return static_cast<std::int64_t>(begin) + (it - block.begin());
  }
  return -1;
}

void convert_int16(std::span<const std::int16_t> from, float* to) noexcept {
  constexpr float kScale = 1.0F / 32768.0F;
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = static_cast<float>(from[i]) * kScale;
}

void check_finite(std::span<const float> samples, std::int64_t first, const std::string& argument) {
  const std::int64_t at = first_not_finite(samples);
  if (at < 0) return;
  const float value = samples[static_cast<std::size_t>(at)];
  refuse(argument, "sample " + std::to_string(first + at) + " is " +
                       (std::isnan(value) ? "NaN"
                        : value > 0.0F    ? "infinite"
                                          : "-infinite") +
                       "; samples must be finite numbers, full scale is -1 to 1");
}

}  // namespace melstream::capi
