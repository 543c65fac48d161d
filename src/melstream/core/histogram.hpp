// Counts of measured values in fixed buckets, for metrics. Any thread may observe and any may look; wait-free.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "melstream/core/nonblocking.hpp"

namespace melstream::core {

/// Measured values on one thread, for a histogram that takes them all at once: cheaper than one by one.
/// @tparam kBounds upper bounds of the buckets, ascending, each included; what is above the last has one of its own.
template <const auto& kBounds>
struct Tally {
  static constexpr std::size_t kNBuckets = kBounds.size() + 1;

  std::array<std::int64_t, kNBuckets> counts{};
  std::int64_t sum = 0;

  /// `n` times the same value.
  void add(std::int64_t value, std::int64_t n = 1) noexcept MELSTREAM_NONBLOCKING {
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && value > kBounds[bucket]) ++bucket;
    counts[bucket] += n;
    sum += value * n;
  }
};

template <const auto& kBounds>
class Histogram {
 public:
  using Counts = Tally<kBounds>;

  void observe(std::int64_t value, std::int64_t n = 1) noexcept MELSTREAM_NONBLOCKING {
    Counts one;
    one.add(value, n);
    add(one);
  }
  void add(const Counts& more) noexcept MELSTREAM_NONBLOCKING {
    for (std::size_t i = 0; i < Counts::kNBuckets; ++i) {
      if (more.counts[i] != 0) counts_[i].fetch_add(more.counts[i], std::memory_order_relaxed);
    }
    if (more.sum != 0) sum_.fetch_add(more.sum, std::memory_order_relaxed);
  }
  /// While others observe, the sum may be ahead of the counts or behind them.
  Counts counts() const noexcept {
    Counts now;
    for (std::size_t i = 0; i < Counts::kNBuckets; ++i) now.counts[i] = counts_[i].load(std::memory_order_relaxed);
    now.sum = sum_.load(std::memory_order_relaxed);
    return now;
  }

 private:
  // Writers: those who observe; readers: any. Counts of their own, ordering nothing.
  std::array<std::atomic<std::int64_t>, Counts::kNBuckets> counts_{};
  std::atomic<std::int64_t> sum_{0};
};

}  // namespace melstream::core
