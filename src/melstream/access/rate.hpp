// A token bucket: so many events a second, after a burst. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>

namespace melstream::access {

class Rate {
 public:
  /// @param per_s 0: no limit. Full at first.
  Rate(double per_s, double burst, std::int64_t now_mono_ns) noexcept
      : per_s_(per_s), burst_(std::max(1.0, burst)), left_(burst_), seen_mono_ns_(now_mono_ns) {}

  /// Counts one event; false, and nothing counted, if it is one too many.
  bool take(std::int64_t now_mono_ns) noexcept {
    if (per_s_ <= 0) return true;
    left_ = refilled(now_mono_ns);
    seen_mono_ns_ = now_mono_ns;
    if (left_ < 1.0) return false;
    left_ -= 1.0;
    return true;
  }
  /// As new: nothing is lost by forgetting it.
  bool full(std::int64_t now_mono_ns) const noexcept { return refilled(now_mono_ns) >= burst_; }

 private:
  double refilled(std::int64_t now_mono_ns) const noexcept {
    return std::min(burst_, left_ + static_cast<double>(now_mono_ns - seen_mono_ns_) * 1e-9 * per_s_);
  }

  double per_s_;
  double burst_;
  double left_;
  std::int64_t seen_mono_ns_;
};

}  // namespace melstream::access
