// Waiting for what other threads bring about: looks until it is so, and gives up after ten seconds.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace melstream::test {

inline bool eventually(const std::function<bool()>& is_so) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace melstream::test
