// Files come from users: whatever they claim, they are read or refused.
#include <cstddef>
#include <cstdint>
#include <span>

#include "melstream/audio/file/pcm_file.hpp"
#include "melstream/core/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    melstream::audio::PcmFile file(std::as_bytes(std::span(data, size)), "fuzz.wav");
    std::size_t n_bytes = 0;
    for (auto part = file.read(1000); !part.empty() && n_bytes < 100'000; part = file.read(1000)) {
      n_bytes += part.size();
    }
    static_cast<void>(file.rewind());
  } catch (const melstream::core::Error&) {
  }
  return 0;
}
