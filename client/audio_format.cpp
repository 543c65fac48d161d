#include "client/audio_format.hpp"

#include <array>

#include "client/exit_codes.hpp"

namespace melstream::client {
namespace {

constexpr std::int64_t kMaxChunkBytes = 256'000;

struct Name {
  const char* text;
  Encoding encoding;
};

constexpr std::array<Name, 6> kNames = {{
    {"s16le", Encoding::kS16},
    {"s24le", Encoding::kS24},
    {"s32le", Encoding::kS32},
    {"f32le", Encoding::kF32},
    {"mulaw", Encoding::kMulaw},
    {"alaw", Encoding::kAlaw},
}};

}  // namespace

Encoding parse_encoding(std::string_view text) {
  std::string known;
  for (const Name& name : kNames) {
    if (text == name.text) return name.encoding;
    known += (known.empty() ? "" : ", ") + std::string(name.text);
  }
  throw ClientError(ExitCode::kUsage, "unknown encoding '" + std::string(text) + "': use one of " + known);
}

const char* encoding_name(Encoding encoding) noexcept {
  for (const Name& name : kNames) {
    if (name.encoding == encoding) return name.text;
  }
  return "unknown";
}

std::byte silence_byte(Encoding encoding) noexcept {
  if (encoding == Encoding::kMulaw) return std::byte{0xFF};
  // A-law has no zero: 0xD5 is its +8 of 32768.
  if (encoding == Encoding::kAlaw) return std::byte{0xD5};
  return std::byte{0};
}

std::int64_t largest_chunk(const AudioFormat& format) noexcept {
  return kMaxChunkBytes / static_cast<std::int64_t>(format.bytes_per_step());
}

}  // namespace melstream::client
