// Front ends as users may define them: other hops, windows, transforms, filters, edges, stackings.
#pragma once

#include <cstddef>
#include <random>
#include <vector>

#include "melstream/engine/front_end.hpp"

namespace melstream::test {

/// One for each thing that a definition can change, named for it.
std::vector<engine::FrontEndSpec> custom_specs();

/// A valid spec drawn at random; those that the checks refuse are drawn again.
engine::FrontEndSpec random_spec(std::mt19937& random);

/// Speech with a little noise, so that no bin is far below the frame's peak by chance alone. At most 16,000 samples.
std::vector<float> speech_in_noise(std::size_t n_samples);

}  // namespace melstream::test
