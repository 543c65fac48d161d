// Tolerances for audio that is not in the golden set, one a golden preset.
#pragma once

#include <optional>
#include <string_view>

#include "client/tolerance.hpp"

namespace melstream::client {

/// What the golden set allows for speech with a preset: the values that most of its clips share, without the bound on
/// the mean, which depends on the clip. nullopt for an unknown preset.
std::optional<Tolerance> common_tolerance(std::string_view preset) noexcept;

}  // namespace melstream::client
