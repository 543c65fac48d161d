// Names that --front-end takes beside those of the daemon: golden presets and their aliases. Each is a front end with
// options (tests/golden/README.md, section 3; which option is which golden name).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "melstream/v1/types.pb.h"

namespace melstream::client {

struct Recipe {
  std::string_view name;       ///< what the user writes
  std::string_view preset;     ///< of the golden set
  std::string_view front_end;  ///< as the daemon names it
  v1::Smoothing smoothing = v1::SMOOTHING_NONE;
  v1::Normalization normalization = v1::NORMALIZATION_NONE;
  double pad_to_seconds = 0;  ///< 0: as long as the audio is
  bool cmvn = false;          ///< with the golden set's CMVN unless another is given
};

/// Golden presets first, in the manifest's order; then aliases.
std::span<const Recipe> recipes() noexcept;

/// The recipe of that name; for one of the daemon's own names the plain recipe of that front end. nullptr for a front
/// end that the golden set does not know, such as one of the user's own.
const Recipe* find_recipe(std::string_view name) noexcept;

/// The daemon's name for what the user wrote: an alias resolved, anything else as it is.
std::string resolve_front_end(const std::string& name);

}  // namespace melstream::client
