// The integer arithmetic of clips that the planning on the host and the kernels have in common.
#pragma once

#include <cstdint>

#include "melstream/engine/cuda/clip_params.hpp"
#include "melstream/engine/framing-inl.hpp"
#include "melstream/engine/host_device.hpp"

namespace melstream::engine::cuda {

/// The clip that has slot, row or task `index` of the batch. Those without any are passed over.
/// @param first the member that counts them; not below clips.records[0]'s.
MELSTREAM_HOST_DEVICE inline int clip_with(const ClipTable& clips, std::int64_t index,
                                           std::int64_t ClipRecord::*first) noexcept {
  int low = 0, high = clips.n_clips - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (clips.records[middle].*first <= index) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

/// Slots of a clip.
MELSTREAM_HOST_DEVICE inline std::int64_t slot_count(const SlotGeometry& g, std::int64_t n_frames,
                                                     std::int64_t n_rows) noexcept {
  return g.is_sparse ? n_rows * g.lfr.m : n_rows > 0 ? n_frames : 0;
}

/// The base frame in a slot of a clip, both counted from 0.
MELSTREAM_HOST_DEVICE inline std::int64_t frame_in_slot(const SlotGeometry& g, const ClipRecord& clip,
                                                        std::int64_t slot) noexcept {
  if (!g.is_sparse) return slot;
  const std::int64_t row = slot / g.lfr.m;
  const std::int64_t frame = row * g.lfr.n - g.lfr.m / 2 + (slot - row * g.lfr.m);
  return clamped_to(0, frame, clip.n_frames - 1);
}

/// Bins of a clip by 32.
MELSTREAM_HOST_DEVICE inline int feature_groups(int n_bins) noexcept { return (n_bins + 31) / 32; }

/// How the finishing goes through an output: lines of values that lie next to each other.
struct FinishGrid {
  static constexpr std::int64_t kTaskLines = 8;
  static constexpr std::int64_t kTaskValues = 256;
  bool are_lines_bins = false;  ///< a line has one bin of all rows; else all bins of one row
  std::int64_t first_row = 0;
  std::int64_t n_lines = 0;
  std::int64_t n_values = 0;          ///< of a line
  std::int64_t n_tasks_of_lines = 0;  ///< tasks that go through the first kTaskLines lines

  MELSTREAM_HOST_DEVICE std::int64_t n_tasks() const noexcept {
    return (n_lines + kTaskLines - 1) / kTaskLines * n_tasks_of_lines;
  }
};

MELSTREAM_HOST_DEVICE inline std::int64_t magnitude(std::int64_t v) noexcept { return v < 0 ? -v : v; }

/// @param only_fill rows of the clip stay as they are.
MELSTREAM_HOST_DEVICE inline FinishGrid finish_grid(const ClipRecord& clip, int n_bins, bool only_fill) noexcept {
  FinishGrid grid;
  grid.first_row = only_fill ? clip.n_rows : 0;
  const std::int64_t n_rows = clip.output.n_rows - grid.first_row;
  grid.are_lines_bins = magnitude(clip.output.row_stride) < magnitude(clip.output.bin_stride);
  grid.n_lines = n_rows <= 0 ? 0 : grid.are_lines_bins ? n_bins : n_rows;
  grid.n_values = grid.are_lines_bins ? n_rows : n_bins;
  grid.n_tasks_of_lines = (grid.n_values + FinishGrid::kTaskValues - 1) / FinishGrid::kTaskValues;
  return grid;
}

}  // namespace melstream::engine::cuda
