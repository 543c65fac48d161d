// ws://HOST:PORT/PATH: peers send audio by WebSocket, from programs and from pages that are let in.
#pragma once

#include "melstream/audio/source.hpp"

namespace melstream::audio {

extern const SourceKind kWsKind;

}  // namespace melstream::audio
