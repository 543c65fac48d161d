// Bytes of responses that are encoded and that the kernel has not taken yet, against their limit.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace melstream::rpc {

/// Counted by ms-subscribe; read by any thread.
class QueueBudget {
 public:
  explicit QueueBudget(std::int64_t limit) noexcept : limit_(limit) {}

  /// So many more would be within the limit.
  bool has_room(std::size_t n_bytes) const noexcept {
    return now_.load(std::memory_order_relaxed) + static_cast<std::int64_t>(n_bytes) <= limit_;
  }
  void take(std::size_t n_bytes) noexcept {
    const std::int64_t now = now_.load(std::memory_order_relaxed) + static_cast<std::int64_t>(n_bytes);
    now_.store(now, std::memory_order_relaxed);
    peak_.store(std::max(now, peak()), std::memory_order_relaxed);
  }
  void give_back(std::size_t n_bytes) noexcept {
    now_.store(now_.load(std::memory_order_relaxed) - static_cast<std::int64_t>(n_bytes), std::memory_order_relaxed);
  }

  std::int64_t limit() const noexcept { return limit_; }
  std::int64_t now() const noexcept { return now_.load(std::memory_order_relaxed); }
  std::int64_t peak() const noexcept { return peak_.load(std::memory_order_relaxed); }

 private:
  const std::int64_t limit_;
  // Writer: ms-subscribe; readers: any. Counts of their own.
  std::atomic<std::int64_t> now_{0};
  std::atomic<std::int64_t> peak_{0};
};

}  // namespace melstream::rpc
