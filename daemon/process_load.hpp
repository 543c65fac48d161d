// What this process takes of the machine: processor time, by thread, and memory. Any thread.
#pragma once

#include <chrono>
#include <mutex>

#include "melstream/rpc/server.hpp"

namespace melstream::daemon {

/// Looks at most ten times a second, however often it is asked: a look reads a file of each thread.
class ProcessMeter {
 public:
  ProcessMeter() : started_(std::chrono::steady_clock::now()) {}
  ProcessMeter(const ProcessMeter&) = delete;
  ProcessMeter& operator=(const ProcessMeter&) = delete;

  rpc::ProcessLoad load();

 private:
  const std::chrono::steady_clock::time_point started_;
  std::mutex mutex_;  // protects the rest
  std::chrono::steady_clock::time_point looked_{};
  rpc::ProcessLoad load_;
};

}  // namespace melstream::daemon
