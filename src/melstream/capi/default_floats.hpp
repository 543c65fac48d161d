// Floating point as C begins with it: round to nearest, denormal numbers kept, no traps. Programs set it otherwise
// (torch.set_flush_denormal, -ffast-math), and rows must have the same bits in all of them. Threads that are started
// meanwhile inherit it.
#pragma once

#include <cfenv>

namespace melstream::capi {

/// As long as it lives, for its thread; then it is as it was.
class DefaultFloats {
 public:
  DefaultFloats() noexcept {
    std::fegetenv(&caller_);
    std::fesetenv(FE_DFL_ENV);
  }
  DefaultFloats(const DefaultFloats&) = delete;
  DefaultFloats& operator=(const DefaultFloats&) = delete;
  ~DefaultFloats() { std::fesetenv(&caller_); }

 private:
  std::fenv_t caller_{};
};

}  // namespace melstream::capi
