#include "melstream/rpc/worker.hpp"

#include <utility>

#include <pthread.h>

namespace melstream::rpc {

Worker::Worker(const std::string& name, Jobs jobs, std::chrono::milliseconds period)
    : jobs_(std::move(jobs)), period_(period), thread_([this, name] {
        pthread_setname_np(pthread_self(), name.c_str());
        run();
      }) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Worker::wake() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (woken_) return;
    woken_ = true;
  }
  changed_.notify_one();
}

void Worker::run() {
  const bool periodic = period_.count() > 0 && jobs_.on_period != nullptr;
  auto due = std::chrono::steady_clock::now() + period_;
  const auto called = [this] { return woken_ || stop_; };
  std::unique_lock lock(mutex_);
  while (true) {
    if (periodic) {
      changed_.wait_until(lock, due, called);
    } else {
      changed_.wait(lock, called);
    }
    if (stop_) return;
    const bool woken = std::exchange(woken_, false);
    lock.unlock();
    if (woken) jobs_.on_wake();
    if (periodic && std::chrono::steady_clock::now() >= due) {
      jobs_.on_period();
      due = std::chrono::steady_clock::now() + period_;
    }
    lock.lock();
  }
}

}  // namespace melstream::rpc
