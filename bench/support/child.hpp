// Processes that a benchmark forks, and what they tell each other.
#pragma once

#include <array>
#include <functional>
#include <new>
#include <stdexcept>

#include <sys/mman.h>
#include <sys/types.h>

namespace melstream::bench {

/// A process of its own.
class Child {
 public:
  /// Forks: call it before there are threads, gRPC's above all. The child ends with status 0 after `work`, with 1 if
  /// that throws. Throws std::runtime_error.
  explicit Child(const std::function<void()>& work);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  /// Kills it if it still runs.
  ~Child();

  pid_t pid() const noexcept { return pid_; }
  /// False once it has ended.
  bool runs() noexcept;
  void signal(int number) const noexcept;
  /// Waits for its end. True if the status is 0.
  bool wait() noexcept;

 private:
  pid_t pid_ = -1;  ///< -1 after its end
  bool clean_ = false;
};

/// Single characters from one process to another.
class Pipe {
 public:
  /// Throws std::runtime_error.
  Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe();
  void tell(char what) const;
  /// '\0' if nobody can tell any more.
  char hear() const;

 private:
  std::array<int, 2> fds_{};
};

/// Memory that this process and those forked later have in common. It begins as zeros.
class SharedBytes {
 public:
  explicit SharedBytes(std::size_t size)
      : size_(size), begin_(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (begin_ == MAP_FAILED) throw std::bad_alloc();
  }
  SharedBytes(const SharedBytes&) = delete;
  SharedBytes& operator=(const SharedBytes&) = delete;
  ~SharedBytes() { munmap(begin_, size_); }
  void* begin() const noexcept { return begin_; }

 private:
  std::size_t size_;
  void* begin_;
};

/// A value in such memory. Its destructor does not run: it must not need one.
template <typename T>
class Shared {
 public:
  Shared() : bytes_(sizeof(T)), value_(new (bytes_.begin()) T()) {}
  T& operator*() const noexcept { return *value_; }
  T* operator->() const noexcept { return value_; }

 private:
  SharedBytes bytes_;
  T* value_;
};

}  // namespace melstream::bench
