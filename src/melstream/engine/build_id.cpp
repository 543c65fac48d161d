// The values come from CMake as macros, for this file only.
#include "melstream/engine/build_id.hpp"

#if defined(__clang__)
#define MELSTREAM_COMPILER "Clang " __clang_version__
#else
#define MELSTREAM_COMPILER "GCC " __VERSION__
#endif

namespace melstream::engine {

const char* version() noexcept { return MELSTREAM_VERSION; }

const char* commit() noexcept { return MELSTREAM_COMMIT; }

const char* build_id() noexcept {
  return MELSTREAM_VERSION " " MELSTREAM_COMMIT " " MELSTREAM_COMPILER " " MELSTREAM_BUILD_TYPE
                           " " MELSTREAM_SANITIZER_NAME;
}

}  // namespace melstream::engine
