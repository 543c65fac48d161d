// Ctrl-C and SIGTERM as an event. Construct it before any other thread starts, so that all of them inherit the mask.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <thread>

namespace melstream::client {

/// The first signal asks to stop; a second one ends the process as if nobody had listened.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool requested() const noexcept { return requested_.load(); }
  /// Readable from the first signal on.
  int fd() const noexcept { return event_fd_; }
  /// Waits for that time. False as soon as the user wants to stop.
  bool wait_until(std::chrono::steady_clock::time_point when) const;
  /// Runs once on the watching thread when the signal comes, or at once if it came. An empty action forgets the last;
  /// when that returns, it is not running. The action must not throw.
  void on_request(std::function<void()> action);

 private:
  void watch();

  std::atomic<bool> requested_ = false;  ///< written by the watcher, read by anyone; orders nothing else
  std::mutex mutex_;
  std::function<void()> action_;  ///< guarded by mutex_
  int event_fd_;
  int stop_fd_;
  int signal_fd_;
  std::thread watcher_;
};

/// Forgets the action at the end of a scope, before what it refers to is gone.
class InterruptAction {
 public:
  InterruptAction(Interrupt* interrupt, std::function<void()> action);
  ~InterruptAction();
  InterruptAction(const InterruptAction&) = delete;
  InterruptAction& operator=(const InterruptAction&) = delete;

 private:
  Interrupt* interrupt_;  ///< nullptr: nobody listens
};

}  // namespace melstream::client
