#include "tests/support/realtime_scope.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

thread_local std::int64_t n_allocations = 0;

void* allocate(std::size_t n_bytes, std::size_t alignment) {
  ++n_allocations;
  if (n_bytes == 0) n_bytes = 1;
  // aligned_alloc wants a multiple of the alignment.
  void* const memory = alignment <= alignof(std::max_align_t)
                           ? std::malloc(n_bytes)
                           : std::aligned_alloc(alignment, (n_bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// The array and nothrow forms call these two.
void* operator new(std::size_t n_bytes) { return allocate(n_bytes, 1); }
void* operator new(std::size_t n_bytes, std::align_val_t alignment) {
  return allocate(n_bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace melstream::test {

RealtimeScope::RealtimeScope() noexcept : before_(n_allocations) {}

std::int64_t RealtimeScope::allocations() const noexcept { return n_allocations - before_; }

}  // namespace melstream::test
