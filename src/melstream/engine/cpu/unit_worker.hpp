// Computes one unit of a tick: base frames in groups of one a lane, then rows that are made of several base rows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "melstream/engine/cpu/assemble.hpp"
#include "melstream/engine/cpu/kernels.hpp"
#include "melstream/engine/tick_plan.hpp"

namespace melstream::engine::cpu {

/// Owned by one thread. Allocates only at construction.
class UnitWorker {
 public:
  explicit UnitWorker(const Kernels& kernels)
      : kernels_(kernels), n_lanes_(static_cast<std::size_t>(kernels.n_lanes)) {}
  void compute(const TickPlan& plan, const Unit& unit) noexcept;
  /// Overwrites the samples that compute() has left in the workspace: after the last unit of a tick.
  void wipe() noexcept;

 private:
  /// One base frame of the unit.
  struct Slot {
    const Piece* piece = nullptr;
    std::int64_t frame = 0;
  };

  std::size_t fill_slots(const TickPlan& plan, const Unit& unit) noexcept;
  void read_group(const TickPlan& plan, const Strand& recipe, std::size_t first_slot, std::size_t n_slots) noexcept;
  void write_group(const TickPlan& plan, const Strand& recipe, std::size_t first_slot, std::size_t n_slots) noexcept;
  RowsPlace place_of(const TickPlan& plan, const Slot& slot, std::int32_t lane_index) const noexcept;
  bool write_columns(const TickPlan& plan, std::int32_t lane_of_strand, std::size_t first_slot,
                     std::size_t n_slots) noexcept;
  void assemble(const TickPlan& plan, const Unit& unit, std::int32_t lane_of_strand) noexcept;
  void assemble_rows(const CpuPrepared& prepared, const BaseRows& base, const IndexRange& rows, std::int64_t first_row,
                     const LaneOutput& output) noexcept;

  const Kernels& kernels_;
  const std::size_t n_lanes_;
  Workspace workspace_;
  std::array<Slot, kUnitFrames> slots_;
  FrameGroup group_;
  float unwanted_maximum_ = 0.0F;
  // Since the last wipe().
  int longest_window_ = 0;
  int longest_fft_ = 0;
  bool any_copy_ = false;
};

}  // namespace melstream::engine::cpu
