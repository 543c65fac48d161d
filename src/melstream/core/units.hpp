// Index types and the constants of the internal audio format: one stream is float32, 16 kHz, mono.
#pragma once

#include <cstddef>
#include <cstdint>

namespace melstream::core {

/// Position on a stream's 16 kHz timeline, or in its accepted samples; each use says which. Never wraps (64 bit).
using SampleIndex = std::int64_t;
/// Number of a feature row of one front end on one stream, counted from the stream's epoch.
using FrameIndex = std::int64_t;

inline constexpr int kSampleRateHz = 16000;
/// Positions and frame numbers that clients name stay below this (17,000 years of samples), so that sums and products
/// with strides never overflow.
inline constexpr std::int64_t kMaxPosition = std::int64_t{1} << 53;
inline constexpr std::int64_t kNsPerSecond = 1'000'000'000;

/// Duration of n_samples at 16 kHz.
constexpr std::int64_t samples_to_ns(std::int64_t n_samples) noexcept {
  return n_samples * (kNsPerSecond / kSampleRateHz);
}

}  // namespace melstream::core
