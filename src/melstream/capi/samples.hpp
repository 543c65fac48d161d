// Samples of callers: int16 to float32, and the search for those that are no numbers. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "melstream/engine.h"

namespace melstream::capi {

/// Index of the first sample that is NaN or infinite; -1 if there is none.
std::int64_t first_not_finite(std::span<const float> samples) noexcept;

/// to[i] = from[i] / 32768. @param to as many as `from`.
void convert_int16(std::span<const std::int16_t> from, float* to) noexcept;

/// Throws Error(kInvalidArgument) naming the sample if one is not finite.
/// @param first position of samples[0], for the message.
void check_finite(std::span<const float> samples, std::int64_t first, const std::string& argument);

}  // namespace melstream::capi
