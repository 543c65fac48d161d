// What the kernels of clips are given. Clips of a batch are described once, in a table that kernels fill from their own
// parameters: nothing is copied to the device. The base frames of all clips are counted through as slots, their rows as
// rows of the batch; a launch takes a range of either and each warp finds its clip.
#pragma once

#include <cstddef>
#include <cstdint>

#include "melstream/engine/clip_engine.hpp"
#include "melstream/engine/cuda/kernel_params.hpp"
#include "melstream/engine/front_end.hpp"
#include "melstream/engine/normalization-inl.hpp"

namespace melstream::engine::cuda {

struct ClipRecord {
  const void* samples = nullptr;
  std::int64_t n_samples = 0;  ///< that are there; behind them, up to `length`, are zeros
  std::int64_t length = 0;     ///< samples of the segment
  std::int64_t n_frames = 0;   ///< base frames of the segment
  std::int64_t n_rows = 0;
  DeviceOutput output;
  std::int64_t first_slot = 0;  ///< of all slots of the batch
  std::int64_t first_row = 0;   ///< of all rows of the batch
  std::int64_t first_task = 0;  ///< of all tasks of the finishing
};

struct ClipTable {
  const ClipRecord* records = nullptr;  ///< [n_clips], on the device
  std::int32_t n_clips = 0;
};

/// Records that travel as parameters of one kernel: all of its 4 kB.
struct DescribeParams {
  static constexpr int kRecords = 42;
  ClipRecord* to = nullptr;
  std::int32_t n_records = 0;
  ClipRecord records[kRecords];
};
static_assert(sizeof(DescribeParams) <= 4096 && sizeof(DescribeParams) + sizeof(ClipRecord) > 4096);

/// What the slots of a clip are.
struct SlotGeometry {
  FrameGeometry frame;
  LowFrameRate lfr;
  /// Between the base frames of one row and those of the next lie some that nobody needs: a slot is one of the lfr.m
  /// frames of a row, those at the ends of the clip repeated. Else slots are the base frames.
  bool is_sparse = false;
};

/// Gather: slots first_slot + 0..n_frames - 1 of the batch.
struct GatherClipsParams {
  GatherParams gather;  ///< frames: null
  ClipTable clips;
  SlotGeometry slots;
  SampleType sample_type = SampleType::kFloat32;
  std::int64_t first_slot = 0;
};

/// Where the rows of a launch go: to their clips' outputs.
struct ClipTarget {
  ClipTable clips;
  std::int64_t first_row = 0;  ///< of the batch: the first row of the launch
  float* maxima = nullptr;     ///< [rows of the batch] of each row, or null
  bool is_fixed = false;       ///< values are whisper_value() with this floor
  float floor = 0.0F;
};

/// Rows that are one base row each.
struct RowsOfClipsParams {
  RowsParams rows;  ///< places, rows: null
  ClipTarget target;
};

/// Rows that are assembled; base rows of slots from first_slot on.
struct AssembleClipsParams {
  AssembleParams assemble;  ///< jobs, rows: null
  ClipTarget target;
  SlotGeometry slots;
  std::int64_t first_slot = 0;
};

/// From the maximum of each row to what its clip is normalised by: a clip a warp.
struct MaximaParams {
  ClipTable clips;
  float* maxima = nullptr;  ///< [rows of the batch]
  bool is_running = false;  ///< each becomes that of all rows so far; else a clip's first becomes that of all its rows
};

/// Means and deviations: 32 bins of a clip a warp.
struct FeatureScalesParams {
  ClipTable clips;
  FeatureScale* scales = nullptr;  ///< [n_clips][n_bins]
  std::int32_t n_bins = 0;
};

/// In place, in the outputs: values that are normalised by their clip's figures, and rows that are filled up. A task a
/// warp: kTaskLines lines of kTaskValues values that lie side by side, or next to it.
struct FinishParams {
  ClipTable clips;
  std::int64_t n_tasks = 0;
  std::int32_t n_bins = 0;
  float fill = 0.0F;
  Normalization normalization = Normalization::kNone;  ///< kNone too where values are normalised already
  const float* maxima = nullptr;                       ///< as MaximaParams leaves them
  const FeatureScale* scales = nullptr;                ///< [n_clips][n_bins]
};

}  // namespace melstream::engine::cuda
