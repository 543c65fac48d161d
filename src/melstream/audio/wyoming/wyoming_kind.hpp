// wyoming://HOST:PORT: peers of voice assistants (Home Assistant, Rhasspy) send audio in the Wyoming protocol.
#pragma once

#include "melstream/audio/source.hpp"

namespace melstream::audio {

extern const SourceKind kWyomingKind;

}  // namespace melstream::audio
