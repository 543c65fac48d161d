// A thread that runs one job whenever it is woken, and another once in a period. It does what is too slow for the
// accept thread and must not be done on the tick thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace melstream::rpc {

class Worker {
 public:
  struct Jobs {
    std::function<void()> on_wake;
    std::function<void()> on_period;  ///< may be empty
  };
  /// @param name of the thread, at most 15 bytes. @param period of on_period; it is not called without one.
  Worker(const std::string& name, Jobs jobs, std::chrono::milliseconds period = {});
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  /// Waits for the job that runs.
  ~Worker();
  /// on_wake runs soon; several before it does become one. Any thread; takes a mutex for an instant.
  void wake() noexcept;

 private:
  void run();

  const Jobs jobs_;
  const std::chrono::milliseconds period_;
  std::mutex mutex_;  // protects woken_ and stop_
  std::condition_variable changed_;
  bool woken_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace melstream::rpc
