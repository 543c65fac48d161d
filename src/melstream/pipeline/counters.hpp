// Totals of the whole pipeline, for GetServerInfo and metrics. Relaxed atomics: each is a count of its own, none
// orders anything.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "melstream/core/histogram.hpp"
#include "melstream/core/reasons.hpp"

namespace melstream::pipeline {

/// Bounds of latencies in nanoseconds: half a millisecond to two seconds.
inline constexpr std::array<std::int64_t, 12> kLatencyBoundsNs{500'000,     1'000'000,   2'000'000,     5'000'000,
                                                               10'000'000,  20'000'000,  50'000'000,    100'000'000,
                                                               200'000'000, 500'000'000, 1'000'000'000, 2'000'000'000};
/// Bounds of a batch's size in frames.
inline constexpr std::array<std::int64_t, 11> kBatchBounds{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

/// What computed: the engine of the CPU, or another one (the plugin's).
enum class EngineKind : std::uint8_t { kCpu, kCuda };
inline constexpr std::size_t kNEngineKinds = 2;

/// Where the time of a live row goes. A row that is caught up with, or of a stream that is held back, is not timed.
struct LatencyHistograms {
  using Histogram = core::Histogram<kLatencyBoundsNs>;
  Histogram queue;   ///< from the arrival of its last sample until its batch starts; writer: tick thread
  Histogram engine;  ///< of its batch, until its rows are published; writer: tick thread
  Histogram send;    ///< from publication until a reader's response is made of it; writer: ms-subscribe
  Histogram total;   ///< from arrival until then; writer: ms-subscribe
};

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

  /// Of frames_gapped, by GapReason; writers: readers of subscriptions.
  std::array<std::atomic<std::int64_t>, core::kNGapReasons> frames_gapped_by{};
  /// Of all timelines, at 16 kHz, by GapReason; writer: tick thread.
  std::array<std::atomic<std::int64_t>, core::kNGapReasons> gap_samples_by{};
  /// Which engine computes now; writer: main thread.
  std::atomic<EngineKind> engine{EngineKind::kCpu};
  /// Of frames_computed, by EngineKind; writer: tick thread.
  std::array<std::atomic<std::int64_t>, kNEngineKinds> frames_computed_by{};
  /// Time of the tick thread in batches, by EngineKind; writer: tick thread.
  std::array<std::atomic<std::int64_t>, kNEngineKinds> engine_busy_ns_by{};
  /// How far the daemon sheds load: 0 not at all, 1 history, 2 new streams, 3 frames.
  std::atomic<std::int64_t> overload_state{0};
  LatencyHistograms latency;
  core::Histogram<kBatchBounds> batch_frames;  ///< writer: tick thread
};

}  // namespace melstream::pipeline
