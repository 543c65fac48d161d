// Whether the loops that must move do move. A loop is made to answer (whoever looks posts something to it that calls
// moved()), or it moves by itself; one that has not for too long is stalled, and has a name.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "melstream/core/clock.hpp"
#include "melstream/core/units.hpp"

namespace melstream::daemon {

enum class Loop : std::uint8_t { kMain, kTick, kAccept, kSubscribe, kNet, kCapture };
inline constexpr std::array<std::string_view, 6> kLoopNames{"main",         "ms-tick", "ms-accept",
                                                            "ms-subscribe", "ms-net",  "ms-capture"};

/// moved() and stalls() from any thread, the rest from one, which is the one that looks: the main thread.
class Liveness {
 public:
  struct Stall {
    Loop loop = Loop::kMain;
    std::int64_t for_ns = 0;
  };

  /// @param clock outlives it. @param patience_ns a loop may take so long.
  explicit Liveness(const core::Clock& clock, std::int64_t patience_ns = 3 * core::kNsPerSecond) noexcept
      : clock_(clock), patience_ns_(patience_ns) {}

  /// From now on the loop must move; a loop that does not run, or no longer, is not asked.
  void expect(Loop loop, bool expected) noexcept;
  /// The loop runs. Wait-free.
  void moved(Loop loop) noexcept;
  /// A loop that moves by itself, by a count of its rounds.
  void count(Loop loop, std::int64_t n_rounds) noexcept;
  /// Whether the loop is to be made to answer: not while it owes the last answer.
  bool should_provoke(Loop loop) noexcept;
  /// Looks: counts the loops that have stalled since the last time. At least twice a second; if the process itself was
  /// held up (stopped, or starved), no loop is blamed for that time.
  std::vector<Stall> look() noexcept;
  /// Those that have not moved for too long. A main thread that stalls makes no loop answer: then it alone is named.
  std::vector<Stall> stalls() const;
  /// How often a loop has begun to stall.
  std::int64_t n_stalls(Loop loop) const noexcept { return state(loop).n_stalls.load(std::memory_order_relaxed); }

 private:
  struct State {
    // Writers: the loop's thread (moved), the looking thread (expect, look); readers: any.
    std::atomic<std::int64_t> moved_mono_ns{0};
    std::atomic<bool> expected{false};
    std::atomic<bool> owes_answer{false};
    std::atomic<std::int64_t> n_stalls{0};
    std::int64_t n_rounds = -1;  ///< looking thread
    bool is_stalled = false;     ///< looking thread
  };
  State& state(Loop loop) noexcept { return loops_[static_cast<std::size_t>(loop)]; }
  const State& state(Loop loop) const noexcept { return loops_[static_cast<std::size_t>(loop)]; }
  void forgive(std::int64_t ns) noexcept;

  const core::Clock& clock_;
  const std::int64_t patience_ns_;
  std::array<State, kLoopNames.size()> loops_;
  std::int64_t looked_mono_ns_ = 0;  ///< looking thread; 0: never
};

/// "ms-tick has not moved for 3.1 s".
std::string to_text(const Liveness::Stall& stall);

}  // namespace melstream::daemon
