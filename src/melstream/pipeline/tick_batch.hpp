// The lanes of one tick with the memory for their rows: all of it made at start, so that a tick allocates nothing.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "melstream/engine/engine.hpp"
#include "melstream/pipeline/feature_history.hpp"

namespace melstream::pipeline {

/// Tick thread only.
class TickBatch {
 public:
  explicit TickBatch(const engine::Limits& limits);

  /// Rows of n_bins floats that still fit, if one more lane does.
  std::int64_t room(int n_bins) const noexcept;
  /// Takes lane.n_rows <= room(). @param received_mono_ns [lane.n_rows], when each row's last sample had arrived.
  void add(const engine::Lane& lane, FeatureHistory& history, std::span<const std::int64_t> received_mono_ns);
  bool empty() const noexcept { return lanes_.empty(); }
  /// Computes all rows and hands them to their histories; the batch is empty again. Returns the number of rows.
  /// Throws EngineError.
  std::int64_t run(engine::Engine& engine);

 private:
  const std::size_t max_lanes_;
  const std::size_t max_rows_;
  std::vector<engine::Lane> lanes_;
  std::vector<FeatureHistory*> histories_;  ///< one a lane
  std::vector<RowInfo> infos_;              ///< one a row
  std::vector<float> values_;
  std::vector<float> maxima_;
  std::size_t n_values_ = 0;
};

}  // namespace melstream::pipeline
