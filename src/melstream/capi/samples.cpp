#include "melstream/capi/samples.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

#include "melstream/capi/status.hpp"

namespace melstream::capi {
namespace {

constexpr std::uint32_t kExponent = 0x7F800000U;  // all set: NaN or infinite

/// In blocks without a branch, so that the compiler makes vectors of it.
bool all_finite(std::span<const float> samples) noexcept {
  std::uint32_t bad = 0;
  for (const float sample : samples) {
    bad |= (std::bit_cast<std::uint32_t>(sample) & kExponent) == kExponent ? 1U : 0U;
  }
  return bad == 0;
}

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
