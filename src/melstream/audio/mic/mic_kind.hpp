// mic:NAME as a kind of source.
#pragma once

#include "melstream/audio/source.hpp"

namespace melstream::audio {

SourceKind mic_kind();

}  // namespace melstream::audio
