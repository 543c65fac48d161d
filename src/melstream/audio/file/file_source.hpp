// file:PATH, an audio file as a stream: in real time or as fast as it is read, once or in a loop.
#pragma once

#include "melstream/audio/source.hpp"

namespace melstream::audio {

/// Parameters: pacing=live|fast, loop=true|false, capture=always|on-demand, channel, conceal.
SourceKind file_kind();

}  // namespace melstream::audio
