// Signals and other threads' wishes as descriptors that the main thread polls. Linux.
#pragma once

#include <chrono>
#include <optional>

namespace melstream::daemon {

/// A descriptor that is closed with its owner. Move-only.
class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

/// Wakes the main thread. notify() from any thread, lock-free.
class Wakeup {
 public:
  /// Throws core::Error(kInternal) without descriptors.
  Wakeup();
  void notify() noexcept;
  /// Main thread: forgets the notices so far.
  void clear() noexcept;
  int fd() const noexcept { return fd_.get(); }

 private:
  Descriptor fd_;
};

/// SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2, read instead of caught; SIGPIPE is ignored. Made before any other
/// thread, so that all inherit the mask. Main thread.
class Signals {
 public:
  /// Throws core::Error(kInternal) without descriptors.
  Signals();
  /// The next signal that has arrived; nothing if none has.
  std::optional<int> next() noexcept;
  int fd() const noexcept { return fd_.get(); }

 private:
  Descriptor fd_;
};

/// Waits until a signal or a notice is there, or the time, if any, is over. Main thread.
void wait_for(const Signals& signals, const Wakeup& wakeup, std::optional<std::chrono::milliseconds> at_most) noexcept;

}  // namespace melstream::daemon
