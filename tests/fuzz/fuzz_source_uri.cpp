// URIs come from the config and from OpenSource.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "melstream/audio/source_uri.hpp"
#include "melstream/core/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    melstream::audio::SourceUri uri = melstream::audio::parse_source_uri({reinterpret_cast<const char*>(data), size});
    static_cast<void>(melstream::audio::take_format(uri.params));
    static_cast<void>(melstream::audio::take_conceal(uri.params));
    uri.params.require_valid();
  } catch (const melstream::core::Error&) {
  }
  return 0;
}
