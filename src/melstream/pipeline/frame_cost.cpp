#include "melstream/pipeline/frame_cost.hpp"

#include <algorithm>

namespace melstream::pipeline {
namespace {

constexpr std::int64_t kEnoughNs = 100'000'000;

}  // namespace

void FrameCost::add(std::int64_t n_frames, std::int64_t busy_ns) noexcept {
  passes_[n_passes_++ % kPasses] = {n_frames, busy_ns};
}

double FrameCost::ns_per_frame() const noexcept {
  const std::uint64_t most = std::min<std::uint64_t>(n_passes_, kPasses);
  Pass worst{.n_frames = 1, .busy_ns = 0};
  Pass sum;
  for (std::uint64_t back = 1; back <= most; ++back) {
    const Pass& pass = passes_[(n_passes_ - back) % kPasses];
    sum.n_frames += pass.n_frames;
    sum.busy_ns += pass.busy_ns;
    const auto cost = [](const Pass& one) {
      return static_cast<double>(one.busy_ns) / static_cast<double>(one.n_frames);
    };
    if (cost(pass) > cost(worst)) worst = pass;
    if (back >= kFewestPasses && sum.busy_ns - worst.busy_ns >= kEnoughNs) break;
  }
  if (most == 1) worst = {};
  if (sum.n_frames == worst.n_frames) return 0.0;
  return static_cast<double>(sum.busy_ns - worst.busy_ns) / static_cast<double>(sum.n_frames - worst.n_frames);
}

}  // namespace melstream::pipeline
