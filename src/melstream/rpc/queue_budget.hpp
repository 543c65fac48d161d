// Bytes of responses that are encoded and that the kernel has not taken yet, against their limit.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace melstream::rpc {

/// Any thread. has_room() then take() is for one thread alone, ms-subscribe; the others try_take().
class QueueBudget {
 public:
  explicit QueueBudget(std::int64_t limit) noexcept : limit_(limit) {}

  /// So many more would be within the limit.
  bool has_room(std::size_t n_bytes) const noexcept {
    return now_.load(std::memory_order_relaxed) + static_cast<std::int64_t>(n_bytes) <= limit_;
  }
  void take(std::size_t n_bytes) noexcept {
    const auto n = static_cast<std::int64_t>(n_bytes);
    note_peak(now_.fetch_add(n, std::memory_order_relaxed) + n);
  }
  /// Takes so many unless a quarter of the limit would not be left, for who has_room() and has not taken yet.
  bool try_take(std::size_t n_bytes) noexcept {
    const auto n = static_cast<std::int64_t>(n_bytes);
    std::int64_t now = now_.load(std::memory_order_relaxed);
    do {
      if (now + n > limit_ - limit_ / 4) return false;
    } while (!now_.compare_exchange_weak(now, now + n, std::memory_order_relaxed));
    note_peak(now + n);
    return true;
  }
  void give_back(std::size_t n_bytes) noexcept {
    now_.fetch_sub(static_cast<std::int64_t>(n_bytes), std::memory_order_relaxed);
  }
  /// Who takes nothing for long is to be cut off.
  bool is_short() const noexcept { return now() > limit_ / 2; }

  std::int64_t limit() const noexcept { return limit_; }
  std::int64_t now() const noexcept { return now_.load(std::memory_order_relaxed); }
  std::int64_t peak() const noexcept { return peak_.load(std::memory_order_relaxed); }

 private:
  void note_peak(std::int64_t now) noexcept {
    std::int64_t peak = peak_.load(std::memory_order_relaxed);
    while (now > peak && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
    }
  }

  const std::int64_t limit_;
  // Counts of their own.
  std::atomic<std::int64_t> now_{0};
  std::atomic<std::int64_t> peak_{0};
};

}  // namespace melstream::rpc
