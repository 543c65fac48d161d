// wyoming://HOST:PORT: peers of voice assistants (Home Assistant, Rhasspy) send audio in the Wyoming protocol.
#pragma once

#include "melstream/audio/source.hpp"

namespace melstream::audio {

SourceKind wyoming_kind();

}  // namespace melstream::audio
