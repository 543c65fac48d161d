// Totals of the whole pipeline, for GetServerInfo and metrics. Relaxed atomics: each is a count of its own, none
// orders anything.
#pragma once

#include <atomic>
#include <cstdint>

namespace melstream::pipeline {

struct Counters {
  std::atomic<std::int64_t> ticks{0};             ///< writer: tick thread
  std::atomic<std::int64_t> late_ticks{0};        ///< ticks that began over one period late; writer: tick thread
  std::atomic<std::int64_t> frames_computed{0};   ///< writer: tick thread
  std::atomic<std::int64_t> frames_shed{0};       ///< never computed, for overload; writer: tick thread
  std::atomic<std::int64_t> streams_shed{0};      ///< at present, for overload; writer: tick thread
  std::atomic<std::int64_t> frames_delivered{0};  ///< writers: readers of subscriptions
  std::atomic<std::int64_t> frames_gapped{
      0};  ///< frames in gaps told to subscribers; writers: readers of subscriptions
  std::atomic<std::int64_t> streams_opened{0};  ///< writers: publishers
  // Overload (OverloadGuard). Writers: whoever looks at it; the registry.
  std::atomic<std::int64_t> overload_state{0};         ///< 0 to 3, at present: OverloadState
  std::atomic<std::int64_t> memory_bytes{0};           ///< counted against the limit, at the last look
  std::atomic<std::int64_t> memory_limit_bytes{0};     ///< 0: none
  std::atomic<std::int64_t> front_ends_forgotten{0};   ///< that nobody read, early, for overload
  std::atomic<std::int64_t> streams_forgotten{0};      ///< ended ones that nobody read, early, for overload
  std::atomic<std::int64_t> rows_forgotten{0};         ///< of live streams, early, for overload
  std::atomic<std::int64_t> streams_refused{0};        ///< for overload
  std::atomic<std::int64_t> front_ends_refused{0};     ///< for overload
  std::atomic<std::int64_t> subscriptions_refused{0};  ///< for overload
  std::atomic<std::int64_t> subscriptions{0};          ///< open now; writers: readers of subscriptions
};

}  // namespace melstream::pipeline
