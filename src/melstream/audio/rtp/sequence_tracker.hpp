// Sequence numbers beyond 16 bits, and which packets belong to the sender that is heard: RFC 3550 appendix A.1. Pure
// state.
#pragma once

#include <cstdint>

namespace melstream::audio {

class SequenceTracker {
 public:
  enum class Place : std::uint8_t {
    kAhead,    ///< newer than all before; packets between may be missing
    kBehind,   ///< of the last 100: out of order, or heard before
    kJump,     ///< far from all others; not believed yet
    kRestart,  ///< the one after a jump: the sender began again with that one
  };
  struct Placed {
    Place place = Place::kAhead;
    std::int64_t sequence = 0;  ///< extended; for kAhead and kBehind
  };
  static constexpr std::uint16_t kMaxDropout = 3000;
  static constexpr std::uint16_t kMaxMisorder = 100;

  /// Begins with a packet of this number, whose extended number is the result.
  std::int64_t start(std::uint16_t sequence) noexcept {
    // One cycle ahead, so that packets from before it are not negative.
    newest_ = kCycle + sequence;
    awaited_ = kNothing;
    return newest_;
  }

  Placed place(std::uint16_t sequence) noexcept {
    const auto step = static_cast<std::uint16_t>(sequence - static_cast<std::uint16_t>(newest_));
    if (step > 0 && step < kMaxDropout) {
      newest_ += step;
      awaited_ = kNothing;
      return {Place::kAhead, newest_};
    }
    if (step == 0 || step > kCycle - kMaxMisorder) return {Place::kBehind, newest_ - ((kCycle - step) % kCycle)};
    if (sequence == awaited_) return {Place::kRestart, 0};
    awaited_ = static_cast<std::uint16_t>(sequence + 1);
    return {Place::kJump, 0};
  }

  std::int64_t newest() const noexcept { return newest_; }

 private:
  static constexpr std::int64_t kCycle = 1 << 16;
  static constexpr std::uint32_t kNothing = 1 << 16;  // no sequence number equals it

  std::int64_t newest_ = kCycle;
  std::uint32_t awaited_ = kNothing;  ///< what would confirm a jump
};

}  // namespace melstream::audio
