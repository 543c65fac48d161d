// A front end made ready for the CPU engine.
#pragma once

#include <memory>

#include "melstream/engine/cpu/tables.hpp"
#include "melstream/engine/planned_prepared.hpp"
#include "melstream/engine/prepared_cache.hpp"

namespace melstream::engine::cpu {

class CpuPrepared final : public PlannedPrepared {
 public:
  CpuPrepared(std::shared_ptr<const FrontEnd> front_end, Smoothing smoothing,
              std::shared_ptr<const TransformTables> transform, int n_lanes);

  const TransformTables& transform() const noexcept { return *transform_; }
  const RowTables& rows() const noexcept { return rows_; }

 private:
  std::shared_ptr<const TransformTables> transform_;
  RowTables rows_;
};

/// Thread-safe: no state.
class PreparedMaker {
 public:
  using Made = CpuPrepared;
  using Transform = TransformTables;

  /// @param n_lanes floats of the engine's vector.
  explicit PreparedMaker(int n_lanes) : n_lanes_(n_lanes) {}
  std::shared_ptr<const TransformTables> transform(const TransformSpec& spec) const;
  /// Throws Error(kInvalidArgument, field front_end) if it is larger than the scratch memory.
  std::shared_ptr<const CpuPrepared> prepared(const std::shared_ptr<const FrontEnd>& front_end, Smoothing smoothing,
                                              std::shared_ptr<const TransformTables> transform) const;

 private:
  int n_lanes_;
};

inline const CpuPrepared& prepared_of(const Lane& lane) noexcept {
  return static_cast<const CpuPrepared&>(*lane.prepared);
}

}  // namespace melstream::engine::cpu
