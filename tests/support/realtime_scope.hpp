// Proof that code allocates nothing: counts this thread's operator new while a scope lives. A test binary that uses it
// compiles realtime_scope.cpp too, which replaces the global operator new.
#pragma once

#include <cstdint>

namespace melstream::test {

/// Usage: `RealtimeScope scope; ring.write(x); const auto n = scope.allocations(); EXPECT_EQ(n, 0);`
/// (GoogleTest's macros allocate, so read the count before them.) Sees this thread's operator new only, not malloc.
class RealtimeScope {
 public:
  RealtimeScope() noexcept;
  /// Calls of operator new on this thread since construction.
  std::int64_t allocations() const noexcept;

 private:
  std::int64_t before_;
};

}  // namespace melstream::test
