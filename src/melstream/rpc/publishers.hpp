// The calls of publishers that are open: to wake those that wait for room, to end what is idle, to end all.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace melstream::rpc {

/// A call of StreamAudio or StreamAudioBatch. Any thread; each takes the call's mutex.
class PublishingCall {
 public:
  virtual ~PublishingCall() = default;
  /// Its feeds may have room now.
  virtual void resume() = 0;
  /// Ends (kSourceLost) what nothing came for, for the time that the options give. About once a second.
  virtual void keep_house(std::int64_t now_mono_ns) = 0;
  /// Ends it (kShutdown).
  virtual void shut_down() = 0;
};

/// Thread-safe. Calls none of them while it holds its mutex; they call it while they hold theirs.
class Publishers {
 public:
  explicit Publishers(std::size_t max_calls) : max_calls_(max_calls) {}
  /// False when full, or after end_all().
  bool add(std::shared_ptr<PublishingCall> call);
  void remove(const PublishingCall& call);
  /// The call has no room in a feed: resume it after the next tick.
  void add_blocked(std::shared_ptr<PublishingCall> call);
  bool empty() const;
  bool any_blocked() const noexcept { return any_blocked_.load(std::memory_order_acquire); }

  /// Worker.
  void resume_blocked();
  void keep_house(std::int64_t now_mono_ns);
  /// Ends all with kShutdown; none is added from then on.
  void end_all();

 private:
  std::vector<std::shared_ptr<PublishingCall>> calls() const;

  const std::size_t max_calls_;
  // Writers: whoever holds mutex_; reader: the tick thread, that skips the wake. A stale false costs one tick.
  std::atomic<bool> any_blocked_{false};
  mutable std::mutex mutex_;  // protects all below
  std::vector<std::shared_ptr<PublishingCall>> calls_;
  std::vector<std::shared_ptr<PublishingCall>> blocked_;
  bool closed_ = false;
};

}  // namespace melstream::rpc
