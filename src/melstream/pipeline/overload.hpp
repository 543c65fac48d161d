// What is given up when memory or time runs short, in this order: history that nobody reads, newcomers, frames of the
// newest streams. Arithmetic only; OverloadGuard measures, the registry and the tick loop act.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace melstream::pipeline {

enum class OverloadState : std::uint8_t {
  kNormal,
  kShedHistory,  ///< front ends and ended streams that nobody reads are forgotten at once
  kRefuse,       ///< new streams and front ends are refused
  kDrop,         ///< the newest streams get gaps
};

/// For logs: "shed_history".
constexpr std::string_view name_of(OverloadState state) noexcept {
  constexpr std::array<std::string_view, 4> kNames = {"normal", "shed_history", "refuse", "drop"};
  return kNames[static_cast<std::size_t>(state)];
}

/// One measure's state: up at once, down when its share has been a twentieth below the threshold for a second.
/// Not thread-safe.
class OverloadLadder {
 public:
  /// @param enter shares from which on states 1, 2, 3 hold, ascending.
  explicit OverloadLadder(const std::array<double, 3>& enter) noexcept : enter_(enter) {}
  OverloadState update(double share, std::int64_t now_mono_ns) noexcept;
  OverloadState state() const noexcept { return state_; }

 private:
  OverloadState reached(double share) const noexcept;

  std::array<double, 3> enter_;
  OverloadState state_ = OverloadState::kNormal;
  std::int64_t high_mono_ns_ = 0;  ///< when the share was last too high to go down
};

/// Not thread-safe.
class OverloadControl {
 public:
  /// @param memory_share of the limit. @param time_share that the frames of live streams take. @param shedding the load
  /// control leaves streams out.
  void update(double memory_share, double time_share, bool shedding, std::int64_t now_mono_ns) noexcept;
  OverloadState by_memory() const noexcept { return memory_.state(); }
  OverloadState by_time() const noexcept { return shedding_ ? OverloadState::kDrop : time_.state(); }
  OverloadState state() const noexcept { return by_memory() > by_time() ? by_memory() : by_time(); }
  /// Smoothed over about a second.
  double time_share() const noexcept { return time_share_; }

 private:
  OverloadLadder memory_{{0.80, 0.90, 0.97}};
  // Streams are shed by LoadControl, from 95 % on, if rows are late: time alone makes nobody lose a frame.
  OverloadLadder time_{{0.60, 0.80, 1e9}};
  double time_share_ = 0.0;
  std::int64_t updated_mono_ns_ = 0;
  bool shedding_ = false;
};

}  // namespace melstream::pipeline
