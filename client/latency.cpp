#include "client/latency.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace melstream::client {
namespace {

constexpr double kSmallestNs = 1000;
constexpr double kStep = 1.01;

}  // namespace

std::int64_t unix_now_ns() noexcept {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

void LatencyHistogram::add(std::int64_t latency_ns) noexcept {
  const double ratio = std::max(static_cast<double>(latency_ns), kSmallestNs) / kSmallestNs;
  const auto bucket = static_cast<int>(std::log(ratio) / std::log(kStep));
  ++buckets_[static_cast<std::size_t>(std::min(bucket, kBuckets - 1))];
  ++count_;
  largest_ns_ = std::max(largest_ns_, latency_ns);
}

void LatencyHistogram::add(const LatencyHistogram& more) noexcept {
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) buckets_[bucket] += more.buckets_[bucket];
  count_ += more.count_;
  largest_ns_ = std::max(largest_ns_, more.largest_ns_);
}

double LatencyHistogram::quantile_ms(double q) const noexcept {
  if (count_ == 0) return 0;
  const auto rank = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(q * static_cast<double>(count_))));
  std::int64_t seen = 0;
  for (int bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_[static_cast<std::size_t>(bucket)];
    // The bucket's middle, so that the error is half a step to either side.
    if (seen >= rank) return kSmallestNs * std::pow(kStep, bucket + 0.5) / 1e6;
  }
  return largest_ms();
}

}  // namespace melstream::client
