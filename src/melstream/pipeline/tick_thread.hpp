// The thread that runs the tick loop on its period, or at once when poked.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

#include "melstream/core/clock.hpp"
#include "melstream/pipeline/counters.hpp"
#include "melstream/pipeline/tick_loop.hpp"

namespace melstream::pipeline {

/// The thread "ms-tick" that runs a TickLoop until it is destroyed.
class TickThread {
 public:
  /// @param on_tick called on the tick thread after every pass: wakes readers, must not block.
  /// @param on_failure called on the tick thread with the exception that ended it.
  TickThread(TickLoop& loop, const core::Clock& clock, std::int64_t period_ns, Counters& counters,
             std::function<void()> on_tick, std::function<void(std::exception_ptr)> on_failure);
  ~TickThread();
  /// Run a pass now rather than at the next period: a fast stream has samples. Any thread but a capture callback.
  void poke() noexcept;

 private:
  void run();
  bool wait_until_due(std::int64_t due_mono_ns);

  TickLoop& loop_;
  const core::Clock& clock_;
  const std::int64_t period_ns_;
  Counters& counters_;
  const std::function<void()> on_tick_;
  const std::function<void(std::exception_ptr)> on_failure_;
  std::mutex mutex_;  // protects stop_ and poked_
  std::condition_variable wake_;
  bool stop_ = false;
  bool poked_ = false;
  std::thread thread_;
};

}  // namespace melstream::pipeline
