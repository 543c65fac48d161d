#include "melstream/core/clock.hpp"

#include <ctime>

#include "melstream/core/units.hpp"

namespace melstream::core {
namespace {

std::int64_t now_ns(clockid_t clock) noexcept {
  timespec time{};
  clock_gettime(clock, &time);  // cannot fail for these two clocks; a vDSO read, no system call
  return std::int64_t{time.tv_sec} * kNsPerSecond + time.tv_nsec;
}

}  // namespace

std::int64_t SystemClock::mono_ns() const noexcept { return now_ns(CLOCK_MONOTONIC); }

std::int64_t SystemClock::wall_ns() const noexcept { return now_ns(CLOCK_REALTIME); }

}  // namespace melstream::core
