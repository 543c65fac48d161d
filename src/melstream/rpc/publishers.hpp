// The calls of StreamAudio that are open: to wake those that wait for room, to end those that are idle, to end all.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "melstream/core/reasons.hpp"

namespace melstream::rpc {

class AudioSession;

/// Thread-safe. Calls no session while it holds its mutex; sessions call it while they hold theirs.
class Publishers {
 public:
  explicit Publishers(std::size_t max_sessions) : max_sessions_(max_sessions) {}
  /// False when full, or after end_all().
  bool add(std::shared_ptr<AudioSession> session);
  void remove(const AudioSession& session);
  /// The session has no room in its feed: resume it after the next tick.
  void add_blocked(std::shared_ptr<AudioSession> session);
  bool any_blocked() const noexcept { return any_blocked_.load(std::memory_order_acquire); }

  /// Worker.
  void resume_blocked();
  void end_idle(std::int64_t now_mono_ns);
  /// Ends all with kShutdown; none is added from then on.
  void end_all();

 private:
  std::vector<std::shared_ptr<AudioSession>> sessions() const;

  const std::size_t max_sessions_;
  // Writers: whoever holds mutex_; reader: the tick thread, that skips the wake. A stale false costs one tick.
  std::atomic<bool> any_blocked_{false};
  mutable std::mutex mutex_;  // protects all below
  std::vector<std::shared_ptr<AudioSession>> sessions_;
  std::vector<std::shared_ptr<AudioSession>> blocked_;
  bool closed_ = false;
};

}  // namespace melstream::rpc
