// The encodings of the wire contract.
#pragma once

#include "melstream/v1/audio_service.pb.h"

#include "client/audio_format.hpp"

namespace melstream::client {

v1::AudioEncoding wire_encoding(Encoding encoding) noexcept;

}  // namespace melstream::client
