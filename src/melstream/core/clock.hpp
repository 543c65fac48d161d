// Time as a dependency, so that tests turn the clock themselves.
#pragma once

#include <cstdint>

namespace melstream::core {

/// Thread-safe, wait-free.
class Clock {
 public:
  virtual ~Clock() = default;
  /// CLOCK_MONOTONIC in nanoseconds.
  virtual std::int64_t mono_ns() const noexcept = 0;
  /// CLOCK_REALTIME: nanoseconds since the Unix epoch; may step.
  virtual std::int64_t wall_ns() const noexcept = 0;
};

class SystemClock final : public Clock {
 public:
  std::int64_t mono_ns() const noexcept override;
  std::int64_t wall_ns() const noexcept override;
};

}  // namespace melstream::core
