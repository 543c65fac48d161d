// The fields of a front end as text. Private to the engine library: others use front_end.hpp.
#pragma once

#include <string>

#include "melstream/engine/front_end.hpp"

namespace melstream::engine {

/// Sorted `key=value` lines of all fields that decide numbers; those without effect (a log floor without a log) are
/// left out, so that equal front ends have equal text.
std::string canonical_text(const FrontEndSpec& spec);

}  // namespace melstream::engine
