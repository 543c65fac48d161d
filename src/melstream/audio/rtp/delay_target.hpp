// How long a missing packet is waited for: interarrival jitter by RFC 3550 appendix A.8, and how late packets really
// came. Pure state.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace melstream::audio {

class DelayTarget {
 public:
  DelayTarget(std::int64_t min_ns, std::int64_t max_ns) noexcept : min_ns_(min_ns), max_ns_(max_ns) {}

  /// Once for each packet with audio, in the order of arrival. @param transit_ns arrival minus its own time, from any
  /// origin.
  void observe(std::int64_t transit_ns) noexcept {
    if (has_transit_) jitter_ns_ += (std::abs(transit_ns - transit_ns_) - jitter_ns_) / 16;
    transit_ns_ = transit_ns;
    has_transit_ = true;
    latest_ns_ -= latest_ns_ / kForgetting;
  }
  /// A packet came out of order. @param late_ns how long it would have had to be waited for.
  void observe_reordering(std::int64_t late_ns) noexcept { latest_ns_ = std::max(latest_ns_, late_ns); }
  /// Timestamps begin anew.
  void restart() noexcept { has_transit_ = false; }

  std::int64_t jitter_ns() const noexcept { return jitter_ns_; }
  std::int64_t wait_ns() const noexcept {
    return std::clamp(std::max(kJitters * jitter_ns_, latest_ns_ + latest_ns_ / 4), min_ns_, max_ns_);
  }

 private:
  // The jitter is a mean; four of them hold nearly all packets.
  static constexpr std::int64_t kJitters = 4;
  // Half of what was seen is forgotten after 700 packets: 14 s of 20 ms.
  static constexpr std::int64_t kForgetting = 1024;

  std::int64_t min_ns_;
  std::int64_t max_ns_;
  std::int64_t jitter_ns_ = 0;
  std::int64_t transit_ns_ = 0;
  std::int64_t latest_ns_ = 0;
  bool has_transit_ = false;
};

}  // namespace melstream::audio
