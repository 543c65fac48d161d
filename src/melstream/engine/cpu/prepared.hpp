// A front end made ready for the CPU engine, and the cache that finds it again.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "melstream/engine/cpu/tables.hpp"
#include "melstream/engine/engine.hpp"

namespace melstream::engine::cpu {

class CpuPrepared final : public Prepared {
 public:
  CpuPrepared(std::shared_ptr<const FrontEnd> front_end, Smoothing smoothing,
              std::shared_ptr<const TransformTables> transform, int n_lanes);

  /// Equal pointers mean equal power spectra.
  const TransformTables& transform() const noexcept { return *transform_; }
  const RowTables& rows() const noexcept { return rows_; }
  const RowGeometry& geometry() const noexcept { return geometry_; }
  /// Floats of an output row.
  int n_bins() const noexcept { return n_bins_; }
  /// True if an output row is not just one base row: it is smoothed, stacked or normalised from base rows.
  bool is_assembled() const noexcept { return is_assembled_; }
  /// The base frame that a row is built around; every base frame is the centre of at most one row.
  std::int64_t centre_of(std::int64_t row) const noexcept { return row * geometry_.lfr.n + centre_of_row_0_; }
  /// First row whose centre is at or behind a base frame (>= 0).
  std::int64_t first_row_from(std::int64_t frame) const noexcept {
    const std::int64_t distance = frame - centre_of_row_0_;
    return distance <= 0 ? 0 : (distance + geometry_.lfr.n - 1) / geometry_.lfr.n;
  }

 private:
  std::shared_ptr<const TransformTables> transform_;
  RowTables rows_;
  RowGeometry geometry_;
  int n_bins_;
  bool is_assembled_;
  int centre_of_row_0_;
};

/// Thread-safe. Holds what is in use, no longer.
class PreparedCache {
 public:
  /// @param n_lanes floats of the engine's vector.
  explicit PreparedCache(int n_lanes) : n_lanes_(n_lanes) {}
  /// Throws Error(kInvalidArgument, field smoothing) where the front end allows none.
  std::shared_ptr<const CpuPrepared> find_or_make(const std::shared_ptr<const FrontEnd>& front_end,
                                                  Smoothing smoothing);

 private:
  std::shared_ptr<const TransformTables> transform(const TransformSpec& spec);

  const int n_lanes_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<const CpuPrepared>> prepared_;        // by mutex_
  std::vector<std::weak_ptr<const TransformTables>> transforms_;  // by mutex_
};

}  // namespace melstream::engine::cpu
