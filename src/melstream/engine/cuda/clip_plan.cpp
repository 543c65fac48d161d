#include "melstream/engine/cuda/clip_plan.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "melstream/core/error.hpp"
#include "melstream/engine/cuda/clip_geometry-inl.hpp"

namespace melstream::engine::cuda {
namespace {

/// Two years of samples, or of rows: what is computed of them stays far from the end of 64 bits.
constexpr std::int64_t kMost = std::int64_t{1} << 40;

std::string item(const char* list, std::size_t index, const char* member) {
  return std::string(list) + "[" + std::to_string(index) + "]." + member;
}

[[noreturn]] void refuse(const std::string& field, const std::string& why,
                         core::ErrorCode code = core::ErrorCode::kInvalidArgument) {
  throw core::Error(code, field + " " + why, field);
}

bool is_aligned(const void* address, std::size_t n_bytes) noexcept {
  return reinterpret_cast<std::uintptr_t>(address) % n_bytes == 0;
}

void check_clip(const DeviceClip& clip, SampleType type, std::size_t index) {
  const auto field = [&](const char* member) { return item("clips", index, member); };
  if (clip.n_samples < 0 || clip.n_samples > kMost) {
    refuse(field("n_samples"), "= " + std::to_string(clip.n_samples) + " is not in 0..2^40");
  }
  if (clip.n_samples == 0) return;
  if (clip.samples == nullptr) refuse(field("samples"), "is null, of " + std::to_string(clip.n_samples) + " samples");
  const std::size_t n_bytes = type == SampleType::kInt16 ? sizeof(std::int16_t) : sizeof(float);
  if (!is_aligned(clip.samples, n_bytes)) {
    refuse(field("samples"), "is not aligned to " + std::to_string(n_bytes) + " bytes");
  }
}

void check_output(const DeviceOutput& output, std::int64_t n_rows, std::size_t index) {
  const auto field = [&](const char* member) { return item("outputs", index, member); };
  if (output.n_rows < 0 || output.n_rows > kMost) {
    refuse(field("n_rows"), "= " + std::to_string(output.n_rows) + " is not in 0..2^40");
  }
  if (output.n_rows < n_rows) {
    refuse(field("n_rows"), "= " + std::to_string(output.n_rows) + "; the clip has " + std::to_string(n_rows) + " rows",
           core::ErrorCode::kOutOfRange);
  }
  if (output.n_rows == 0) return;
  if (output.values == nullptr) refuse(field("values"), "is null, of " + std::to_string(output.n_rows) + " rows");
  if (!is_aligned(output.values, sizeof(float))) refuse(field("values"), "is not aligned to 4 bytes");
}

/// Of the first that has one.
void check_address(const void* address, const std::string& field, const ClipDevice& device) {
  if (const std::string why = device.why_unusable(address); !why.empty()) {
    refuse(field, why + "; give samples and outputs in memory of the engine's GPU");
  }
}

/// Values that are final when their row is written.
bool is_final(Normalization normalization) noexcept {
  return normalization == Normalization::kNone || normalization == Normalization::kFixedMax;
}

}  // namespace

void ClipPlan::build(const ClipBatch& batch, const PlannedPrepared& prepared, const ClipDevice& device) {
  if (batch.outputs.size() != batch.clips.size()) {
    refuse("outputs", "are " + std::to_string(batch.outputs.size()) + ", clips " + std::to_string(batch.clips.size()));
  }
  if (batch.clips.size() > std::size_t{std::numeric_limits<std::int32_t>::max() / 64}) {
    refuse("clips", "are " + std::to_string(batch.clips.size()) + ", at most 2^25 go into one call");
  }
  if (batch.pad_to_samples < 0 || batch.pad_to_samples > kMost) {
    refuse("pad_to_samples", "= " + std::to_string(batch.pad_to_samples) + " is not in 0..2^40");
  }
  const RowGeometry& geometry = prepared.geometry();
  slots_ = {geometry.frame, geometry.lfr, geometry.lfr.n > geometry.lfr.m};
  records_.clear();
  tiles_.clear();
  n_slots_ = n_rows_ = n_tasks_ = 0;
  most_slots_ = 0;
  bool is_sample_checked = false, is_output_checked = false;
  for (std::size_t i = 0; i < batch.clips.size(); ++i) {
    add(batch, i, prepared);
    const ClipRecord& record = records_.back();
    if (record.n_samples > 0 && !std::exchange(is_sample_checked, true)) {
      check_address(record.samples, item("clips", i, "samples"), device);
    }
    if (record.output.n_rows > 0 && !std::exchange(is_output_checked, true)) {
      check_address(record.output.values, item("outputs", i, "values"), device);
    }
  }
  cut(prepared);
}

void ClipPlan::add(const ClipBatch& batch, std::size_t index, const PlannedPrepared& prepared) {
  const DeviceClip& clip = batch.clips[index];
  check_clip(clip, batch.sample_type, index);
  ClipRecord record;
  record.samples = clip.samples;
  record.length = batch.pad_to_samples > 0 ? batch.pad_to_samples : clip.n_samples;
  record.n_samples = std::min(clip.n_samples, record.length);
  record.n_frames = frame_count(prepared.geometry().frame, record.length);
  record.n_rows = row_count(prepared.geometry(), record.length);
  record.output = batch.outputs[index];
  check_output(record.output, record.n_rows, index);
  record.first_slot = n_slots_;
  record.first_row = n_rows_;
  record.first_task = n_tasks_;
  n_slots_ += slot_count(slots_, record.n_frames, record.n_rows);
  n_rows_ += record.n_rows;
  n_tasks_ += finish_grid(record, prepared.n_bins(), is_final(batch.normalization)).n_tasks();
  if (n_tasks_ > std::numeric_limits<std::int32_t>::max() || n_slots_ > kMost) {
    refuse("clips", "are too long together; give fewer in one call");
  }
  records_.push_back(record);
}

/// The slot of the first base frame that a row of the clip is made of, of the batch.
std::int64_t ClipPlan::first_slot_of(const ClipRecord& clip, std::int64_t row,
                                     const RowGeometry& geometry) const noexcept {
  if (slots_.is_sparse) return clip.first_slot + row * slots_.lfr.m;
  return clip.first_slot + frames_of_rows(geometry, row, 1, clip.length).begin;
}

/// Behind the slot of the last one.
std::int64_t ClipPlan::end_slot_of(const ClipRecord& clip, std::int64_t row,
                                   const RowGeometry& geometry) const noexcept {
  if (slots_.is_sparse) return clip.first_slot + (row + 1) * slots_.lfr.m;
  return clip.first_slot + frames_of_rows(geometry, row, 1, clip.length).end;
}

/// Rows of the clip, from first_row on, whose slots end by end_slot.
std::int64_t ClipPlan::rows_before(const ClipRecord& clip, std::int64_t first_row, std::int64_t end_slot,
                                   const RowGeometry& geometry) const noexcept {
  std::int64_t low = first_row, high = clip.n_rows;  // rows up to low fit
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (end_slot_of(clip, middle, geometry) <= end_slot) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low - first_row;
}

void ClipPlan::cut(const PlannedPrepared& prepared) {
  const RowGeometry& geometry = prepared.geometry();
  ClipTile tile;
  std::int64_t end_slot = 0;  // of the tile
  for (const ClipRecord& clip : records_) {
    std::int64_t row = 0;
    while (row < clip.n_rows) {
      const bool is_new = tile.n_rows == 0;
      const std::int64_t first_slot = is_new ? first_slot_of(clip, row, geometry) : tile.first_slot;
      const std::int64_t n = rows_before(clip, row, first_slot + prepared.n_unit_frames(), geometry);
      if (n > 0) {
        if (is_new) tile = {clip.first_row + row, 0, first_slot, 0};
        row += n;
        end_slot = end_slot_of(clip, row - 1, geometry);
        tile.n_rows += static_cast<std::int32_t>(n);
        tile.n_slots = static_cast<std::int32_t>(end_slot - tile.first_slot);
        most_slots_ = std::max(most_slots_, tile.n_slots);
      }
      if (row < clip.n_rows) {
        tiles_.push_back(tile);
        tile = {};
      }
    }
  }
  if (tile.n_rows > 0) tiles_.push_back(tile);
}

}  // namespace melstream::engine::cuda
