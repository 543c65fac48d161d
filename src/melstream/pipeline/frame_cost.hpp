// What a frame costs at present: measured over the last passes, without the one that went worst.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace melstream::pipeline {

/// Not thread-safe.
class FrameCost {
 public:
  /// A pass computed n_frames (> 0) in busy_ns.
  void add(std::int64_t n_frames, std::int64_t busy_ns) noexcept;
  /// Mean over the newest passes that make up 100 ms, three at least and sixteen at most. The worst of them is left
  /// out: a lost engine or a preempted thread says nothing about the rate that can be kept up. 0 before the first.
  double ns_per_frame() const noexcept;
  /// There have been enough passes to judge by.
  bool is_settled() const noexcept { return n_passes_ >= kFewestPasses; }

 private:
  struct Pass {
    std::int64_t n_frames = 0;
    std::int64_t busy_ns = 0;
  };
  static constexpr std::uint64_t kFewestPasses = 3;
  static constexpr std::size_t kPasses = 16;
  std::array<Pass, kPasses> passes_{};
  std::uint64_t n_passes_ = 0;  ///< so far; pass p lies at p % kPasses
};

}  // namespace melstream::pipeline
