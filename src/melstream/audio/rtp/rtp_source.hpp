// rtp: as a kind of source, and srtp:, which only says what to do instead.
#pragma once

#include "melstream/audio/source.hpp"

namespace melstream::audio {

extern const SourceKind kRtpKind;
extern const SourceKind kSrtpKind;

}  // namespace melstream::audio
