#include "client/wire_encoding.hpp"

namespace melstream::client {

v1::AudioEncoding wire_encoding(Encoding encoding) noexcept {
  switch (encoding) {
    case Encoding::kS16:
      return v1::AUDIO_ENCODING_LINEAR16;
    case Encoding::kS24:
      return v1::AUDIO_ENCODING_LINEAR24;
    case Encoding::kS32:
      return v1::AUDIO_ENCODING_LINEAR32;
    case Encoding::kF32:
      return v1::AUDIO_ENCODING_FLOAT32;
    case Encoding::kMulaw:
      return v1::AUDIO_ENCODING_MULAW;
    case Encoding::kAlaw:
      return v1::AUDIO_ENCODING_ALAW;
  }
  return v1::AUDIO_ENCODING_UNSPECIFIED;
}

}  // namespace melstream::client
