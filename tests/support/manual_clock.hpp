// A clock that the test turns.
#pragma once

#include <atomic>
#include <cstdint>

#include "melstream/core/clock.hpp"

namespace melstream::test {

class ManualClock final : public core::Clock {
 public:
  std::int64_t mono_ns() const noexcept override { return mono_ns_.load(); }
  std::int64_t wall_ns() const noexcept override { return mono_ns_.load() + wall_offset_ns_.load(); }
  void advance_ms(std::int64_t ms) { mono_ns_ += ms * 1'000'000; }
  void advance_ns(std::int64_t ns) { mono_ns_ += ns; }
  /// Moves only the wall clock.
  void step_wall_ns(std::int64_t ns) { wall_offset_ns_ += ns; }

 private:
  std::atomic<std::int64_t> mono_ns_{1'000'000'000};
  std::atomic<std::int64_t> wall_offset_ns_{1'700'000'000'000'000'000};
};

}  // namespace melstream::test
