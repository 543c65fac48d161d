#include "melstream/audio/event_limiter.hpp"

#include <utility>

#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

constexpr int kEventsPerSecond = 5;

}  // namespace

EventLimiter::Verdict EventLimiter::admit(std::string_view name) {
  const std::int64_t now = clock_.mono_ns();
  const std::lock_guard lock(mutex_);
  Window& window = windows_[name];
  if (now - window.begin_mono_ns >= core::kNsPerSecond) {
    window.begin_mono_ns = now;
    window.n_passed = 0;
  }
  if (window.n_passed == kEventsPerSecond) {
    ++window.n_suppressed;
    return {};
  }
  ++window.n_passed;
  return {.pass = true, .n_suppressed = std::exchange(window.n_suppressed, 0)};
}

}  // namespace melstream::audio
