// Latencies in steps of 10 us, up to a second. A plain value, so that it can lie in memory that processes share.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace melstream::bench {

class Histogram {
 public:
  void add(std::int64_t ns) noexcept {
    const std::int64_t step = std::clamp<std::int64_t>(ns / kStepNs, 0, kSteps - 1);
    ++counts_[static_cast<std::size_t>(step)];
    ++n_;
  }
  std::int64_t size() const noexcept { return n_; }
  /// @param share 0 to 1. @return milliseconds, 0 if nothing was added.
  double quantile_ms(double share) const noexcept {
    const auto wanted = static_cast<std::int64_t>(share * static_cast<double>(n_));
    std::int64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > wanted || seen == n_) return n_ == 0 ? 0 : static_cast<double>(i) * kStepNs / 1e6;
    }
    return 0;
  }

 private:
  static constexpr std::int64_t kStepNs = 10'000;
  static constexpr std::int64_t kSteps = 100'000;
  std::array<std::uint32_t, kSteps> counts_{};
  std::int64_t n_ = 0;
};

}  // namespace melstream::bench
