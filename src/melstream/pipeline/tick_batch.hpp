// The lanes of one tick with the memory for their rows: all of it made at start, so that a tick allocates nothing. A
// batch is filled, started and finished; while the engine computes it, another one can be filled.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "melstream/core/clock.hpp"
#include "melstream/engine/engine.hpp"
#include "melstream/pipeline/counters.hpp"
#include "melstream/pipeline/feature_history.hpp"

namespace melstream::pipeline {

/// Tick thread only.
class TickBatch {
 public:
  explicit TickBatch(const engine::Limits& limits);

  /// Rows of n_bins floats that still fit, if one more lane does.
  std::int64_t room(int n_bins) const noexcept;
  /// Takes lane.n_rows <= room(). Returns what goes with these rows, for the caller to set, but for max, mean_square,
  /// peak and computed_us; valid until the next call.
  std::span<RowInfo> add(const engine::Lane& lane, FeatureHistory& history);
  bool empty() const noexcept { return lanes_.empty(); }
  /// Base frames of all rows: what the work is measured in.
  std::int64_t n_frames() const noexcept { return n_frames_; }
  /// Hands the lanes to the engine; nothing may be added until finish(). Does nothing if empty. Throws EngineError.
  /// @param now_mono_ns and `latency`: what was timed so far.
  void start(engine::Engine& engine, std::int64_t now_mono_ns, LatencyHistograms& latency);
  /// Waits for what was started and hands all rows to their histories; the batch is empty again. Returns the number of
  /// rows. Batches must finish in the order in which they started. Throws EngineError.
  std::int64_t finish(engine::Engine& engine, const core::Clock& clock, LatencyHistograms& latency);

 private:
  void publish();
  void time_rows(std::int64_t now_mono_ns, LatencyHistograms& latency);

  const std::size_t max_lanes_;
  const std::size_t max_rows_;
  std::vector<engine::Lane> lanes_;
  std::vector<FeatureHistory*> histories_;  ///< one a lane
  std::vector<RowInfo> infos_;              ///< one a row
  std::vector<float> values_;
  std::vector<float> maxima_;
  std::size_t n_values_ = 0;
  std::int64_t n_frames_ = 0;
  std::int64_t n_timed_ = 0;  ///< rows of which the latency counts
  std::int64_t started_mono_ns_ = 0;
  std::optional<engine::Ticket> ticket_;  ///< of what was started
};

}  // namespace melstream::pipeline
