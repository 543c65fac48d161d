// Totals of the whole pipeline, for GetServerInfo and metrics. Relaxed atomics: each is a count of its own, none
// orders anything.
#pragma once

#include <atomic>
#include <cstdint>

namespace melstream::pipeline {

struct Counters {
  std::atomic<std::int64_t> ticks{0};             ///< writer: tick thread
  std::atomic<std::int64_t> late_ticks{0};        ///< ticks that began over one period late; writer: tick thread
  std::atomic<std::int64_t> tick_busy_ns{0};      ///< in passes, not waiting; writer: tick thread
  std::atomic<std::int64_t> engine_busy_ns{0};    ///< of these, with a batch to compute; writer: tick thread
  std::atomic<std::int64_t> frames_computed{0};   ///< writer: tick thread
  std::atomic<std::int64_t> frames_shed{0};       ///< never computed, for overload; writer: tick thread
  std::atomic<std::int64_t> streams_shed{0};      ///< at present, for overload; writer: tick thread
  std::atomic<std::int64_t> frames_delivered{0};  ///< writers: readers of subscriptions
  std::atomic<std::int64_t> frames_gapped{
      0};  ///< frames in gaps told to subscribers; writers: readers of subscriptions
  std::atomic<std::int64_t> streams_opened{0};  ///< writers: publishers
  std::atomic<std::int64_t> subscriptions{0};   ///< open now; writers: readers of subscriptions
};

}  // namespace melstream::pipeline
