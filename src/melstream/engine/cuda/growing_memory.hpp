// Device memory that grows and is never given back while work on it may be under way: freeing would wait for the
// device.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "melstream/engine/cuda/device.hpp"

namespace melstream::engine::cuda {

/// Outgrown memory is kept beside what took its place: at most as much again, since each is twice the last.
/// Not thread-safe.
class GrowingMemory {
 public:
  /// @param device outlives this. @param least_bytes of the first allocation.
  GrowingMemory(Device& device, std::size_t least_bytes) : device_(&device), next_bytes_(least_bytes) {}

  /// Room for n values; the content is lost where it grows. Throws UnusableDevice(kOutOfMemory), and nothing changed.
  template <typename Value>
  Value* take(std::size_t n) {
    const std::size_t n_bytes = n * sizeof(Value);
    if (n_bytes > n_bytes_) {
      const std::size_t grown = std::max(n_bytes, next_bytes_);
      memory_.push_back(device_->allocate(grown));
      n_bytes_ = grown;
      next_bytes_ = 2 * grown;
    }
    return memory_.empty() ? nullptr : reinterpret_cast<Value*>(memory_.back().get());
  }

 private:
  Device* device_;
  std::size_t next_bytes_;
  std::size_t n_bytes_ = 0;
  std::vector<Memory> memory_;  ///< the last one is in use
};

}  // namespace melstream::engine::cuda
