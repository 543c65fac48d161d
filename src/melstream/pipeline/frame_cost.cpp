#include "melstream/pipeline/frame_cost.hpp"

#include <algorithm>

namespace melstream::pipeline {
namespace {

constexpr std::int64_t kEnoughNs = 100'000'000;

}  // namespace

void FrameCost::add(std::int64_t n_frames, std::int64_t busy_ns, std::int64_t other_ns) noexcept {
  passes_[n_passes_++ % kPasses] = {n_frames, busy_ns, other_ns};
}

double FrameCost::ns_per_frame(std::int64_t pass_ns) const noexcept {
  const Recent now = recent();
  return now.ns_per_frame * (1.0 + now.other_ns_per_pass / static_cast<double>(pass_ns));
}

FrameCost::Recent FrameCost::recent() const noexcept {
  if (n_passes_ == 0) return {};
  const auto cost = [](const Pass& one) {
    return static_cast<double>(one.busy_ns) / static_cast<double>(one.n_frames);
  };
  const std::uint64_t most = std::min<std::uint64_t>(n_passes_, kPasses);
  Pass worst = passes_[(n_passes_ - 1) % kPasses];
  std::int64_t worst_other_ns = 0;
  Pass sum;
  std::uint64_t n = 0;
  while (n < most && (n < kFewestPasses || sum.busy_ns - worst.busy_ns < kEnoughNs)) {
    const Pass& pass = passes_[(n_passes_ - ++n) % kPasses];
    sum.n_frames += pass.n_frames;
    sum.busy_ns += pass.busy_ns;
    sum.other_ns += pass.other_ns;
    if (cost(pass) > cost(worst)) worst = pass;
    worst_other_ns = std::max(worst_other_ns, pass.other_ns);
  }
  if (n == 1) return {cost(sum), static_cast<double>(sum.other_ns)};
  return {static_cast<double>(sum.busy_ns - worst.busy_ns) / static_cast<double>(sum.n_frames - worst.n_frames),
          static_cast<double>(sum.other_ns - worst_other_ns) / static_cast<double>(n - 1)};
}

}  // namespace melstream::pipeline
