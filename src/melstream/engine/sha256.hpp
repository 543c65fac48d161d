// SHA-256 (FIPS 180-4), for the hash of a front end. Not for secrets.
#pragma once

#include <string>
#include <string_view>

namespace melstream::engine {

/// 64 lower-case hex digits. Thread-safe.
std::string sha256_hex(std::string_view bytes);

}  // namespace melstream::engine
