// ws://HOST:PORT/PATH: peers send audio by WebSocket, from programs and from pages that are let in.
#pragma once

#include "melstream/audio/source.hpp"

namespace melstream::audio {

SourceKind ws_kind();

}  // namespace melstream::audio
