// A mutex that the thread that forks holds while it does, so that the child finds it free, and whole what it protects.
#pragma once

#include <mutex>

namespace melstream::capi {

/// As long as it lives, its mutex is locked before each fork() of the process and unlocked behind it, in parent and
/// child. Whoever holds the mutex must not fork, nor make or destroy a HeldAcrossFork. Any thread.
class HeldAcrossFork {
 public:
  explicit HeldAcrossFork(std::mutex& mutex);
  HeldAcrossFork(const HeldAcrossFork&) = delete;
  HeldAcrossFork& operator=(const HeldAcrossFork&) = delete;
  ~HeldAcrossFork();

 private:
  std::mutex& mutex_;
};

}  // namespace melstream::capi
