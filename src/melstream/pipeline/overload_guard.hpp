// Measures memory and time, says what state they come to, and keeps newcomers out who would not fit. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "melstream/core/clock.hpp"
#include "melstream/core/host_arena.hpp"
#include "melstream/pipeline/counters.hpp"
#include "melstream/pipeline/memory_use.hpp"
#include "melstream/pipeline/overload.hpp"

namespace melstream::pipeline {

/// A moment's view.
struct OverloadView {
  OverloadState by_memory = OverloadState::kNormal;
  OverloadState by_time = OverloadState::kNormal;
  std::int64_t memory_bytes = 0;
  std::int64_t limit_bytes = 0;  ///< 0: none
  double time_share = 0.0;

  OverloadState state() const noexcept { return by_memory > by_time ? by_memory : by_time; }
  /// Bytes in use beyond this share of the limit, 0 or more.
  std::int64_t bytes_beyond(double share) const noexcept;
};

class OverloadGuard {
 public:
  /// All references outlive it. @param limit_bytes of mapped audio memory, feature histories and responses; 0: none.
  OverloadGuard(std::int64_t limit_bytes, const core::HostArena& arena, const core::Clock& clock, Counters& counters);

  /// Responses that are encoded and not yet taken. Any thread, lock-free.
  void set_queued_bytes(std::int64_t n_bytes) noexcept { queued_bytes_.store(n_bytes, std::memory_order_relaxed); }
  /// What live streams take of the time, and whether some are shed. Tick thread, lock-free.
  void set_time_share(double share, bool shedding) noexcept {
    time_share_.store(share, std::memory_order_relaxed);
    shedding_.store(shedding, std::memory_order_relaxed);
  }

  /// Measures; counters().overload_state says the same. Not the tick thread.
  OverloadView look();
  // The next four throw Error(kResourceExhausted) with the state and what to do, and count that.
  void admit_streams(std::size_t n);
  /// Only memory keeps readers out of what is computed anyway.
  void admit_subscription();
  void admit_front_end();
  /// Bytes of a feature history.
  MemoryShare take(std::int64_t n_bytes);

 private:
  std::int64_t other_bytes() const;
  [[noreturn]] void refuse(const OverloadView& view, const std::string& what) const;

  const std::int64_t limit_bytes_;
  const core::HostArena& arena_;
  const core::Clock& clock_;
  Counters& counters_;
  const std::shared_ptr<MemoryUse> features_ = std::make_shared<MemoryUse>();
  // Writers: ms-publish and the tick thread; readers: any. Counts of their own.
  std::atomic<std::int64_t> queued_bytes_{0};
  std::atomic<double> time_share_{0.0};
  std::atomic<bool> shedding_{false};
  std::mutex mutex_;  // protects control_
  OverloadControl control_;
};

}  // namespace melstream::pipeline
