// Tolerances for audio that is not in the golden set, one a golden preset.
#pragma once

#include <optional>
#include <string_view>

#include "client/tolerance.hpp"

namespace melstream::client {

/// What the golden set allows for its two clips of speech, the larger of both, over all presets of one kind (whisper
/// normalised, MFCC, ...). Bounds that are absolute come with one of the mean; where the bound follows the cell's own
/// loudness, that is enough. nullopt for an unknown preset.
std::optional<Tolerance> speech_tolerance(std::string_view preset) noexcept;

}  // namespace melstream::client
