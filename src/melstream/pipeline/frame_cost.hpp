// What a frame costs at present: measured over the last passes, without the one that went worst.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace melstream::pipeline {

/// Not thread-safe.
class FrameCost {
 public:
  /// A pass computed n_frames (> 0) in busy_ns, and took other_ns for what does not depend on them.
  void add(std::int64_t n_frames, std::int64_t busy_ns, std::int64_t other_ns) noexcept;
  /// Mean over the newest passes that make up 100 ms, three at least and sixteen at most. The worst of them is left
  /// out: a lost engine or a preempted thread says nothing about the rate that can be kept up. 0 before the first.
  double ns_per_frame() const noexcept { return recent().ns_per_frame; }
  /// A frame's share of what its pass costs besides included, when passes compute for `pass_ns`.
  double ns_per_frame(std::int64_t pass_ns) const noexcept;
  /// There have been enough passes to judge by.
  bool is_settled() const noexcept { return n_passes_ >= kFewestPasses; }

 private:
  struct Pass {
    std::int64_t n_frames = 0;
    std::int64_t busy_ns = 0;
    std::int64_t other_ns = 0;
  };
  struct Recent {
    double ns_per_frame = 0.0;
    double other_ns_per_pass = 0.0;
  };
  Recent recent() const noexcept;

  static constexpr std::uint64_t kFewestPasses = 3;
  static constexpr std::size_t kPasses = 16;
  std::array<Pass, kPasses> passes_{};
  std::uint64_t n_passes_ = 0;  ///< so far; pass p lies at p % kPasses
};

}  // namespace melstream::pipeline
