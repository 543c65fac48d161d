// Added latency: from the arrival of the last sample that a block needs at the daemon to the block's arrival here.
#pragma once

#include <array>
#include <cstdint>

namespace melstream::client {

/// Unix time in nanoseconds, comparable with the daemon's on one machine or with synchronized clocks.
std::int64_t unix_now_ns() noexcept;

/// Quantiles in constant memory: logarithmic buckets, 1% apart, from 1 us to 1,000 s.
class LatencyHistogram {
 public:
  /// Below 1 us (clocks that disagree included) counts as 1 us.
  void add(std::int64_t latency_ns) noexcept;
  void add(const LatencyHistogram& more) noexcept;
  std::int64_t count() const noexcept { return count_; }
  /// Smallest latency that a share q of all does not exceed, to 1%; 0 without any.
  double quantile_ms(double q) const noexcept;
  double largest_ms() const noexcept { return static_cast<double>(largest_ns_) / 1e6; }

 private:
  static constexpr int kBuckets = 2090;

  std::array<std::int64_t, kBuckets> buckets_{};
  std::int64_t count_ = 0;
  std::int64_t largest_ns_ = 0;
};

}  // namespace melstream::client
