// mic:NAME as a kind of source.
#pragma once

#include "melstream/audio/source.hpp"

namespace melstream::audio {

extern const SourceKind kMicKind;

}  // namespace melstream::audio
