// How a batch of clips is divided: the record of each clip, and tiles of slots that the device computes one after
// another. Allocates only where a batch is larger than all before it. Thread: the caller of extract_async().
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "melstream/engine/clip_engine.hpp"
#include "melstream/engine/cuda/clip_params.hpp"
#include "melstream/engine/cuda/device.hpp"
#include "melstream/engine/planned_prepared.hpp"

namespace melstream::engine::cuda {

/// Rows that are computed together, and the slots that they are made of.
struct ClipTile {
  std::int64_t first_row = 0;
  std::int32_t n_rows = 0;
  std::int64_t first_slot = 0;
  std::int32_t n_slots = 0;
};

class ClipPlan {
 public:
  /// The plan refers to nothing of the batch. Addresses are proved aligned; of the first clip and the first output it
  /// is asked whether they can be used, since a driver takes a microsecond to tell. Throws Error(kInvalidArgument or
  /// kOutOfRange) with the field at fault.
  void build(const ClipBatch& batch, const PlannedPrepared& prepared, const ClipDevice& device);

  std::span<const ClipRecord> records() const noexcept { return records_; }
  std::span<const ClipTile> tiles() const noexcept { return tiles_; }
  const SlotGeometry& slots() const noexcept { return slots_; }
  std::int64_t n_rows() const noexcept { return n_rows_; }
  /// Of the finishing; 0 if every value is final when its row is written, and no row is to be filled up.
  std::int64_t n_tasks() const noexcept { return n_tasks_; }
  /// Slots of the largest tile.
  std::int32_t most_slots() const noexcept { return most_slots_; }

 private:
  void add(const ClipBatch& batch, std::size_t index, const PlannedPrepared& prepared);
  void cut(const PlannedPrepared& prepared);
  std::int64_t first_slot_of(const ClipRecord& clip, std::int64_t row, const RowGeometry& geometry) const noexcept;
  std::int64_t end_slot_of(const ClipRecord& clip, std::int64_t row, const RowGeometry& geometry) const noexcept;
  std::int64_t rows_before(const ClipRecord& clip, std::int64_t first_row, std::int64_t end_slot,
                           const RowGeometry& geometry) const noexcept;

  SlotGeometry slots_;
  std::vector<ClipRecord> records_;
  std::vector<ClipTile> tiles_;
  std::int64_t n_slots_ = 0;
  std::int64_t n_rows_ = 0;
  std::int64_t n_tasks_ = 0;
  std::int32_t most_slots_ = 0;
};

}  // namespace melstream::engine::cuda
