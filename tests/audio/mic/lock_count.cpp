#include "tests/audio/mic/lock_count.hpp"

#include <cstddef>

#include <pthread.h>

#include <dlfcn.h>

namespace {

thread_local std::int64_t locks = 0;
thread_local std::int64_t mallocs = 0;

}  // namespace

namespace melstream::test {

std::int64_t n_locks() noexcept { return locks; }
std::int64_t n_mallocs() noexcept { return mallocs; }

}  // namespace melstream::test

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)

bool melstream::test::counts_calls() noexcept { return false; }

#else

bool melstream::test::counts_calls() noexcept { return true; }

namespace {

template <typename Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

// glibc's own.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
void* __libc_malloc(std::size_t n_bytes);
void* __libc_calloc(std::size_t n, std::size_t n_bytes);
void* __libc_realloc(void* memory, std::size_t n_bytes);
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

void* malloc(std::size_t n_bytes) {
  ++mallocs;
  return __libc_malloc(n_bytes);
}
void* calloc(std::size_t n, std::size_t n_bytes) {
  ++mallocs;
  return __libc_calloc(n, n_bytes);
}
void* realloc(void* memory, std::size_t n_bytes) {
  ++mallocs;
  return __libc_realloc(memory, n_bytes);
}

int pthread_mutex_lock(pthread_mutex_t* mutex) {
  static const auto real = next<int (*)(pthread_mutex_t*)>("pthread_mutex_lock");
  ++locks;
  return real(mutex);
}
int pthread_mutex_trylock(pthread_mutex_t* mutex) {
  static const auto real = next<int (*)(pthread_mutex_t*)>("pthread_mutex_trylock");
  ++locks;
  return real(mutex);
}
int pthread_cond_signal(pthread_cond_t* condition) {
  static const auto real = next<int (*)(pthread_cond_t*)>("pthread_cond_signal");
  ++locks;
  return real(condition);
}
int pthread_cond_broadcast(pthread_cond_t* condition) {
  static const auto real = next<int (*)(pthread_cond_t*)>("pthread_cond_broadcast");
  ++locks;
  return real(condition);
}

}  // extern "C"

#endif
