// The kinds of sources that this build has. Control threads.
#pragma once

#include <vector>

#include "melstream/audio/source.hpp"

namespace melstream::daemon {

const std::vector<audio::SourceKind>& source_kinds();

}  // namespace melstream::daemon
