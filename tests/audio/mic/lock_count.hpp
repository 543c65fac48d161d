// Proof that code takes no lock and no memory: the test binary that compiles lock_count.cpp puts itself before
// pthread's mutexes, condition variables and malloc, and counts this thread's calls.
#pragma once

#include <cstdint>

namespace melstream::test {

/// Calls of this thread so far. Not counted (always 0) under the sanitizers, which have their own.
std::int64_t n_locks() noexcept;
std::int64_t n_mallocs() noexcept;
bool counts_calls() noexcept;

}  // namespace melstream::test
