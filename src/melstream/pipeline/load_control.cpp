#include "melstream/pipeline/load_control.hpp"

#include <algorithm>

#include "melstream/core/units.hpp"

namespace melstream::pipeline {
namespace {

/// Shares of the time. A backlog at more than kTooMuch would take over twenty times its own length to work off.
constexpr double kTooMuch = 0.95;
constexpr double kShedTo = 0.8;
constexpr double kTakeBackTo = 0.7;
/// Those that come back at once add at most this share of what runs (but one always may): the estimate may be wrong.
constexpr double kGrowth = 0.5;
/// Streams that had to be shed again this soon came back too early: the next wait is twice as long, up to the longest.
constexpr std::int64_t kTooEarlyNs = 10 * core::kNsPerSecond;
constexpr std::int64_t kLongestHoldNs = 32 * core::kNsPerSecond;
constexpr std::int64_t kCalmNs = 60 * core::kNsPerSecond;

double share_of_time(double frames_per_s, double ns_per_frame) noexcept {
  return frames_per_s * ns_per_frame / static_cast<double>(core::kNsPerSecond);
}

}  // namespace

void LoadControl::decide(std::span<const StreamLoad> live, std::int64_t now_mono_ns) noexcept {
  double running = 0.0;
  longest_wait_ns_ = 0;
  for (const StreamLoad& stream : live) {
    if (sheds(stream.opened)) break;
    running += stream.frames_per_s;
    longest_wait_ns_ = std::max(longest_wait_ns_, stream.waiting_ns);
  }
  // Looking at all streams costs the same in a long pass as in a short one, however few of them are computed: it must
  // not make the frames of the last few look dear.
  const double ns_per_frame = cost_.ns_per_frame(kLongestPassNs);
  time_share_ = cost_.is_settled() ? share_of_time(running, ns_per_frame) : 0.0;
  if (longest_wait_ns_ > shed_after_ns_ && cost_.is_settled() && share_of_time(running, ns_per_frame) > kTooMuch) {
    shed(live, running, ns_per_frame, now_mono_ns);
  } else if (shed_from_ != kNone) {
    take_back(live, running, ns_per_frame, now_mono_ns);
  }
}

void LoadControl::shed(std::span<const StreamLoad> live, double running, double ns_per_frame,
                       std::int64_t now) noexcept {
  const std::uint64_t before = shed_from_;
  for (auto stream = live.rbegin(); stream != live.rend(); ++stream) {
    if (sheds(stream->opened)) continue;
    const double rest = running - stream->frames_per_s;
    // The last one runs as well as it can: shedding it would help nobody.
    if (share_of_time(running, ns_per_frame) <= kShedTo || rest <= 0.0) break;
    shed_from_ = stream->opened;
    running = rest;
  }
  if (shed_from_ == before) return;
  if (back_at_ns_ > 0 && now - back_at_ns_ < kTooEarlyNs) {
    hold_ns_ = std::min(2 * hold_ns_, kLongestHoldNs);
  } else if (shed_at_ns_ > 0 && now - shed_at_ns_ > kCalmNs) {
    hold_ns_ = kShortestHoldNs;
  }
  shed_ns_per_frame_ = ns_per_frame;
  shed_at_ns_ = now;
  back_at_ns_ = 0;
  fits_since_ns_ = now;
}

void LoadControl::take_back(std::span<const StreamLoad> live, double running, double ns_per_frame,
                            std::int64_t now) noexcept {
  auto next = std::find_if(live.begin(), live.end(), [this](const StreamLoad& one) { return sheds(one.opened); });
  // What runs at present costs what was just measured, each tick's fixed part included; a frame more costs no more than
  // one did when batches were full.
  const double one_more = std::min(ns_per_frame, shed_ns_per_frame_);
  const double used = share_of_time(running, ns_per_frame);
  double added = 0.0;
  const auto fits = [&](const StreamLoad& stream) {
    return used + share_of_time(added + stream.frames_per_s, one_more) <= kTakeBackTo;
  };
  if (next != live.end()) {
    if (!fits(*next)) fits_since_ns_ = now;
    if (now - fits_since_ns_ < hold_ns_) return;
    do {
      added += next->frames_per_s;
      ++next;
    } while (next != live.end() && fits(*next) && added + next->frames_per_s <= kGrowth * running);
    back_at_ns_ = now;
    fits_since_ns_ = now;
  }
  shed_from_ = next != live.end() ? next->opened : kNone;
}

}  // namespace melstream::pipeline
