// Bounded single-producer, single-consumer queue of small values, wait-free on both sides.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "melstream/core/nonblocking.hpp"

namespace melstream::core {

template <typename T, std::size_t kCapacity>
class SpscQueue {
  static_assert((kCapacity & (kCapacity - 1)) == 0, "a power of two, so that the index wraps by a mask");
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  // Producer.
  std::size_t room() const noexcept MELSTREAM_NONBLOCKING {
    return kCapacity -
           static_cast<std::size_t>(pushed_.load(std::memory_order_relaxed) - popped_.load(std::memory_order_acquire));
  }
  /// False when full: nothing was pushed.
  bool push(const T& value) noexcept MELSTREAM_NONBLOCKING {
    const std::uint64_t at = pushed_.load(std::memory_order_relaxed);
    if (room() == 0) return false;
    slots_[at & (kCapacity - 1)] = value;
    pushed_.store(at + 1, std::memory_order_release);
    return true;
  }

  // Consumer.
  /// The oldest value, or null; stays valid until pop().
  const T* front() const noexcept MELSTREAM_NONBLOCKING {
    const std::uint64_t at = popped_.load(std::memory_order_relaxed);
    return at == pushed_.load(std::memory_order_acquire) ? nullptr : &slots_[at & (kCapacity - 1)];
  }
  void pop() noexcept MELSTREAM_NONBLOCKING {
    popped_.store(popped_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

 private:
  std::array<T, kCapacity> slots_{};
  // pushed_: stored by the producer (release), read by the consumer (acquire); popped_: the other way round.
  alignas(64) std::atomic<std::uint64_t> pushed_{0};
  alignas(64) std::atomic<std::uint64_t> popped_{0};
};

}  // namespace melstream::core
