#include "melstream/pipeline/tick_thread.hpp"

#include <chrono>
#include <utility>

#include <pthread.h>

namespace melstream::pipeline {

TickThread::TickThread(TickLoop& loop, const core::Clock& clock, std::int64_t period_ns, Counters& counters,
                       std::function<void()> on_tick, std::function<void(std::exception_ptr)> on_failure)
    : loop_(loop),
      clock_(clock),
      period_ns_(period_ns),
      counters_(counters),
      on_tick_(std::move(on_tick)),
      on_failure_(std::move(on_failure)),
      thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "ms-tick");
}

TickThread::~TickThread() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void TickThread::poke() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(poked_, true)) return;
  }
  wake_.notify_one();
}

bool TickThread::wait_until_due(std::int64_t due_mono_ns) {
  std::unique_lock lock(mutex_);
  const std::chrono::nanoseconds left(due_mono_ns - clock_.mono_ns());
  wake_.wait_for(lock, left, [this] { return stop_ || poked_; });
  poked_ = false;
  return !stop_;
}

void TickThread::run() {
  try {
    std::int64_t due = clock_.mono_ns() + period_ns_;
    while (wait_until_due(due)) {
      const std::int64_t begin = clock_.mono_ns();
      const bool more = loop_.run_once();
      on_tick_();
      if (more) {
        due = begin;
      } else if (begin >= due) {
        // After an overrun the next pass takes all that is ready: periods that were missed are not made up for.
        if (begin >= due + period_ns_) counters_.late_ticks.fetch_add(1, std::memory_order_relaxed);
        due += period_ns_;
        if (due <= begin) due = begin + period_ns_;
      }
    }
  } catch (...) {
    on_failure_(std::current_exception());
  }
}

}  // namespace melstream::pipeline
