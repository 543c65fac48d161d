#include "daemon/liveness.hpp"

#include <cmath>

namespace melstream::daemon {

void Liveness::expect(Loop loop, bool expected) noexcept {
  State& one = state(loop);
  if (one.expected.load(std::memory_order_relaxed) == expected) return;
  one.moved_mono_ns.store(clock_.mono_ns(), std::memory_order_relaxed);
  one.owes_answer.store(false, std::memory_order_relaxed);
  one.is_stalled = false;
  one.expected.store(expected, std::memory_order_release);
}

void Liveness::moved(Loop loop) noexcept {
  State& one = state(loop);
  one.moved_mono_ns.store(clock_.mono_ns(), std::memory_order_relaxed);
  one.owes_answer.store(false, std::memory_order_release);
}

void Liveness::count(Loop loop, std::int64_t n_rounds) noexcept {
  if (state(loop).n_rounds == n_rounds) return;
  state(loop).n_rounds = n_rounds;
  moved(loop);
}

bool Liveness::should_provoke(Loop loop) noexcept {
  State& one = state(loop);
  return one.expected.load(std::memory_order_relaxed) && !one.owes_answer.exchange(true, std::memory_order_acq_rel);
}

void Liveness::forgive(std::int64_t ns) noexcept {
  for (State& one : loops_) one.moved_mono_ns.fetch_add(ns, std::memory_order_relaxed);
}

std::vector<Liveness::Stall> Liveness::look() noexcept {
  constexpr std::int64_t kHeldUpNs = core::kNsPerSecond;
  const std::int64_t now = clock_.mono_ns();
  if (looked_mono_ns_ != 0 && now - looked_mono_ns_ > kHeldUpNs) forgive(now - looked_mono_ns_);
  looked_mono_ns_ = now;
  moved(Loop::kMain);
  std::vector<Stall> found = stalls();
  std::array<bool, kLoopNames.size()> is_stalled{};
  for (const Stall& stall : found) is_stalled[static_cast<std::size_t>(stall.loop)] = true;
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    if (is_stalled[i] && !loops_[i].is_stalled) loops_[i].n_stalls.fetch_add(1, std::memory_order_relaxed);
    loops_[i].is_stalled = is_stalled[i];
  }
  return found;
}

std::vector<Liveness::Stall> Liveness::stalls() const {
  std::vector<Stall> found;
  const std::int64_t now = clock_.mono_ns();
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    if (!loops_[i].expected.load(std::memory_order_acquire)) continue;
    const std::int64_t for_ns = now - loops_[i].moved_mono_ns.load(std::memory_order_relaxed);
    if (for_ns <= patience_ns_) continue;
    found.push_back({static_cast<Loop>(i), for_ns});
    if (static_cast<Loop>(i) == Loop::kMain) break;
  }
  return found;
}

std::string to_text(const Liveness::Stall& stall) {
  const std::int64_t tenths = std::llround(static_cast<double>(stall.for_ns) * 10.0 / core::kNsPerSecond);
  return std::string(kLoopNames[static_cast<std::size_t>(stall.loop)]) + " has not moved for " +
         std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

}  // namespace melstream::daemon
