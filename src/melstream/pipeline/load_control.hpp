// Who is computed when the machine is too slow for all: the newest live streams are shed until the rest fits, and come
// back, oldest first, when it has fitted with room to spare for a while. Arithmetic only; knows no stream.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "melstream/pipeline/frame_cost.hpp"

namespace melstream::pipeline {

/// A pass computes for this long at most, even if rows are left, so that a backlog is looked at before it is too late.
inline constexpr std::int64_t kLongestPassNs = 50'000'000;

/// A live stream at the start of a pass.
struct StreamLoad {
  std::uint64_t opened = 0;     ///< order of opening
  double frames_per_s = 0.0;    ///< that it asks for while it is not shed
  std::int64_t waiting_ns = 0;  ///< how long its oldest row that could be computed has been waiting
};

/// Not thread-safe; allocates nothing.
class LoadControl {
 public:
  explicit LoadControl(std::int64_t shed_after_ns) noexcept : shed_after_ns_(shed_after_ns) {}

  /// A pass computed n_frames (> 0) in busy_ns, and took other_ns to look at all streams.
  void add_pass(std::int64_t n_frames, std::int64_t busy_ns, std::int64_t other_ns) noexcept {
    cost_.add(n_frames, busy_ns, other_ns);
  }
  /// Of computing alone. 0: not known yet, or too little to measure.
  double ns_per_frame() const noexcept { return cost_.ns_per_frame(); }

  /// Decides for the coming pass. @param live in order of opening, shed ones included.
  void decide(std::span<const StreamLoad> live, std::int64_t now_mono_ns) noexcept;
  /// The stream with this place in the order of opening is not to be computed: it, and all newer ones.
  bool sheds(std::uint64_t opened) const noexcept { return opened >= shed_from_; }
  /// Longest wait of a stream that is not shed, at the last decision.
  std::int64_t longest_wait_ns() const noexcept { return longest_wait_ns_; }
  /// Of the time: what the frames of streams that are not shed take, as of the last decision. 0: not known yet.
  double time_share() const noexcept { return time_share_; }

 private:
  void shed(std::span<const StreamLoad> live, double running, double ns_per_frame, std::int64_t now) noexcept;
  void take_back(std::span<const StreamLoad> live, double running, double ns_per_frame, std::int64_t now) noexcept;

  static constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();
  static constexpr std::int64_t kShortestHoldNs = 2'000'000'000;

  std::int64_t shed_after_ns_;
  FrameCost cost_;
  std::uint64_t shed_from_ = kNone;
  std::int64_t longest_wait_ns_ = 0;
  double time_share_ = 0.0;
  double shed_ns_per_frame_ = 0.0;          ///< cost at the last shedding: of a frame when batches are full
  std::int64_t fits_since_ns_ = 0;          ///< since when there has been room for the next to come back
  std::int64_t hold_ns_ = kShortestHoldNs;  ///< how long there has to be
  std::int64_t shed_at_ns_ = 0;             ///< last shedding, last return; 0: none yet
  std::int64_t back_at_ns_ = 0;
};

}  // namespace melstream::pipeline
