// rtp: as a kind of source, and srtp:, which only says what to do instead.
#pragma once

#include "melstream/audio/source.hpp"

namespace melstream::audio {

SourceKind rtp_kind();
SourceKind srtp_kind();

}  // namespace melstream::audio
