#include "melstream/pipeline/overload.hpp"

#include <algorithm>
#include <cmath>

#include "melstream/core/units.hpp"

namespace melstream::pipeline {
namespace {

constexpr double kBelow = 0.05;
constexpr std::int64_t kCalmNs = core::kNsPerSecond;
/// A batch that took long once, on a machine that was busy with something else, refuses nobody.
constexpr double kSmoothNs = 1e9;

}  // namespace

OverloadState OverloadLadder::reached(double share) const noexcept {
  const auto n = std::count_if(enter_.begin(), enter_.end(), [share](double enter) { return share >= enter; });
  return static_cast<OverloadState>(n);
}

OverloadState OverloadLadder::update(double share, std::int64_t now_mono_ns) noexcept {
  const OverloadState up = reached(share);
  const OverloadState down = reached(share + kBelow);
  if (up > state_) state_ = up;
  if (down >= state_) {
    high_mono_ns_ = now_mono_ns;
  } else if (now_mono_ns - high_mono_ns_ >= kCalmNs) {
    state_ = down;
    high_mono_ns_ = now_mono_ns;
  }
  return state_;
}

void OverloadControl::update(double memory_share, double time_share, bool shedding, std::int64_t now_mono_ns) noexcept {
  const auto since_ns = static_cast<double>(std::max<std::int64_t>(0, now_mono_ns - updated_mono_ns_));
  updated_mono_ns_ = now_mono_ns;
  time_share_ += (time_share - time_share_) * (1.0 - std::exp(-since_ns / kSmoothNs));
  shedding_ = shedding;
  memory_.update(memory_share, now_mono_ns);
  time_.update(time_share_, now_mono_ns);
}

}  // namespace melstream::pipeline
