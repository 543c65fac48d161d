// The steady clock as a number.
#pragma once

#include <chrono>
#include <cstdint>

namespace melstream::client {

inline std::int64_t steady_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace melstream::client
