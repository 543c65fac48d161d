// A front end made ready for the CUDA engine: its tables in device memory.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "melstream/engine/cuda/device.hpp"
#include "melstream/engine/cuda/fft_plans.hpp"
#include "melstream/engine/cuda/kernel_params.hpp"
#include "melstream/engine/planned_prepared.hpp"
#include "melstream/engine/prepared_cache.hpp"

namespace melstream::engine::cuda {

/// Device memory for tables. What is given back is kept and used again: freeing memory would wait for the device.
/// Thread-safe.
class TablePool {
 public:
  explicit TablePool(Device& device) : device_(device) {}

  struct GiveBack {
    TablePool* pool = nullptr;
    std::size_t n_bytes = 0;
    void operator()(std::byte* memory) const noexcept { pool->give_back(memory, n_bytes); }
  };
  using Block = std::unique_ptr<std::byte, GiveBack>;
  /// A block with these tables in it.
  Block upload(std::span<const std::byte> tables);

 private:
  void give_back(std::byte* memory, std::size_t n_bytes) noexcept;

  Device& device_;
  std::mutex mutex_;
  std::vector<Memory> blocks_;                              // by mutex_
  std::multimap<std::size_t, std::byte*> free_by_n_bytes_;  // by mutex_
};

/// From samples to spectra. Immutable; front ends with equal TransformSpec share one.
struct TransformTables {
  TransformSpec spec;
  std::shared_ptr<const FftPlans> plans;
  TablePool::Block block;
  GatherParams gather;  ///< without what changes from unit to unit
};

class CudaPrepared final : public PlannedPrepared {
 public:
  CudaPrepared(const std::shared_ptr<const FrontEnd>& front_end, Smoothing smoothing,
               std::shared_ptr<const TransformTables> transform, const Sizes& sizes, TablePool& pool);

  const TransformTables& transform() const noexcept { return *transform_; }
  /// Without what changes from unit to unit.
  const RowsParams& rows() const noexcept { return rows_; }
  /// Without what changes from unit to unit.
  const AssembleParams& assemble() const noexcept { return assemble_; }

 private:
  std::shared_ptr<const TransformTables> transform_;
  TablePool::Block block_;
  RowsParams rows_;
  AssembleParams assemble_;
};

class PreparedMaker {
 public:
  using Made = CudaPrepared;
  using Transform = TransformTables;

  /// Both outlive every Prepared.
  PreparedMaker(TablePool& pool, FftPlanStore& plans, const Sizes& sizes)
      : pool_(&pool), plans_(&plans), sizes_(sizes) {}
  std::shared_ptr<const TransformTables> transform(const TransformSpec& spec) const;
  std::shared_ptr<const CudaPrepared> prepared(const std::shared_ptr<const FrontEnd>& front_end, Smoothing smoothing,
                                               std::shared_ptr<const TransformTables> transform) const;

 private:
  TablePool* pool_;
  FftPlanStore* plans_;
  Sizes sizes_;
};

inline const CudaPrepared& prepared_of(const Lane& lane) noexcept {
  return static_cast<const CudaPrepared&>(*lane.prepared);
}

}  // namespace melstream::engine::cuda
