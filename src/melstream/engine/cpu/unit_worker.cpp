#include "melstream/engine/cpu/unit_worker.hpp"

#include <algorithm>

#include <string.h>  // explicit_bzero

#include "melstream/engine/cpu/assemble.hpp"
#include "melstream/engine/cpu/scatter.hpp"
#include "melstream/engine/frame_reader.hpp"

namespace melstream::engine::cpu {
namespace {

/// Two cache lines of each bin.
constexpr std::int64_t kLinesOfFloats = 32;

}  // namespace

void UnitWorker::compute(const TickPlan& plan, const Unit& unit) noexcept {
  const std::size_t n_slots = fill_slots(plan, unit);
  // All strands of a unit have the same front ends in the same order.
  const Strand& recipe = plan.strand_of(plan.piece(unit.first_piece));
  const TransformTables& transform = prepared_of(plan.lane(recipe.first_lane)).transform();
  group_.wants_energy = false;
  for (std::int32_t j = 0; j < recipe.n_lanes; ++j) {
    group_.wants_energy |= prepared_of(plan.lane(recipe.first_lane + j)).rows().energy_first;
  }
  for (std::size_t first = 0; first < n_slots; first += n_lanes_) {
    read_group(plan, recipe, first, n_slots);
    kernels_.power(transform, group_, workspace_);
    write_group(plan, recipe, first, n_slots);
  }
  for (std::int32_t j = 0; j < recipe.n_lanes; ++j) {
    if (prepared_of(plan.lane(recipe.first_lane + j)).is_assembled()) assemble(plan, unit, j);
  }
}

void UnitWorker::wipe() noexcept {
  if (longest_window_ == 0) return;
  const std::size_t vector_bytes = n_lanes_ * sizeof(float);
  explicit_bzero(workspace_.raw(), static_cast<std::size_t>(longest_window_) * vector_bytes);
  explicit_bzero(workspace_.input(), fft_input_vectors(longest_fft_) * vector_bytes);
  for (std::size_t i = 0; any_copy_ && i < n_lanes_; ++i) {
    constexpr std::size_t kLead = Workspace::kFrameLead;
    explicit_bzero(workspace_.frame_copy(i) - kLead,
                   (static_cast<std::size_t>(longest_window_) + kLead) * sizeof(float));
  }
  longest_window_ = longest_fft_ = 0;
  any_copy_ = false;
}

std::size_t UnitWorker::fill_slots(const TickPlan& plan, const Unit& unit) noexcept {
  std::size_t n_slots = 0;
  for (std::int32_t i = 0; i < unit.n_pieces; ++i) {
    const Piece& piece = plan.piece(unit.first_piece + i);
    for (std::int64_t frame = piece.frames.begin; frame < piece.frames.end; ++frame) {
      slots_[n_slots++] = {&piece, frame};
    }
  }
  return n_slots;
}

void UnitWorker::read_group(const TickPlan& plan, const Strand& recipe, std::size_t first_slot,
                            std::size_t n_slots) noexcept {
  const TransformSpec& spec = prepared_of(plan.lane(recipe.first_lane)).transform().spec;
  const bool may_be_cut = spec.pre_emphasis_scope == PreEmphasisScope::kSignal;
  group_.any_cut = false;
  longest_window_ = std::max(longest_window_, spec.geometry.window);
  longest_fft_ = std::max(longest_fft_, spec.n_fft);
  for (std::size_t i = 0; i < n_lanes_; ++i) {
    if (first_slot + i >= n_slots) {  // the last group is filled up with its first frame
      group_.frames[i] = group_.frames[0];
      group_.n_valid[i] = group_.n_valid[0];
      continue;
    }
    const Slot& slot = slots_[first_slot + i];
    const Lane& lane = plan.lane(plan.strand_of(*slot.piece).first_lane);
    group_.frames[i] = read_frame(lane, spec.geometry, slot.frame, workspace_.frame_copy(i));
    any_copy_ |= group_.frames[i] == workspace_.frame_copy(i);
    group_.n_valid[i] = may_be_cut ? samples_before_end(lane, spec.geometry, slot.frame) : spec.geometry.window;
    group_.any_cut |= group_.n_valid[i] < spec.geometry.window;
  }
}

/// A frame of a slot as a row of a lane; null values if the lane does not want it.
RowsPlace UnitWorker::place_of(const TickPlan& plan, const Slot& slot, std::int32_t lane_index) const noexcept {
  const Lane& lane = plan.lane(lane_index);
  const std::int64_t row = slot.frame - lane.first_row;
  const IndexRange& centres = slot.piece->centres;
  if (row < 0 || row >= lane.n_rows || slot.frame < centres.begin || slot.frame >= centres.end) return {};
  const RowsPlace& rows = plan.output(lane_index).rows;
  return {rows.values + row * rows.row_stride, rows.row_stride, rows.bin_stride};
}

void UnitWorker::write_group(const TickPlan& plan, const Strand& recipe, std::size_t first_slot,
                             std::size_t n_slots) noexcept {
  for (std::int32_t j = 0; j < recipe.n_lanes; ++j) {
    const CpuPrepared& prepared = prepared_of(plan.lane(recipe.first_lane + j));
    if (!prepared.is_assembled() && write_columns(plan, j, first_slot, n_slots)) continue;
    const auto n_values = static_cast<std::size_t>(prepared.rows().n_values());
    float* const base_rows = workspace_.base_rows(static_cast<std::size_t>(j));
    RowSinks sinks;
    sinks.rows.fill(workspace_.unwanted());
    sinks.maxima.fill(&unwanted_maximum_);
    std::array<RowsPlace, kMaxLanes> scattered;  // of the rows whose bins lie apart
    const std::size_t n_filled = std::min(n_lanes_, n_slots - first_slot);
    for (std::size_t i = 0; i < n_filled; ++i) {
      const std::size_t slot_index = first_slot + i;
      const Slot& slot = slots_[slot_index];
      sinks.rows[i] = base_rows + slot_index * n_values;
      if (prepared.is_assembled()) continue;
      const std::int32_t lane_index = plan.strand_of(*slot.piece).first_lane + j;
      const RowsPlace place = place_of(plan, slot, lane_index);
      if (place.values == nullptr) continue;
      sinks.maxima[i] = plan.output(lane_index).maxima + (slot.frame - plan.lane(lane_index).first_row);
      if (place.bin_stride == 1) {
        sinks.rows[i] = place.values;
      } else {
        scattered[i] = place;
      }
    }
    kernels_.rows(prepared.rows(), workspace_, sinks);
    for (std::size_t i = 0; i < n_filled; ++i) {
      if (scattered[i].values == nullptr) continue;
      scatter_rows(sinks.rows[i], 1, static_cast<std::int64_t>(n_values), scattered[i]);
    }
  }
}

/// Mel-major output of adjacent rows as it leaves the vectors. False, and nothing done, if the group is something else.
bool UnitWorker::write_columns(const TickPlan& plan, std::int32_t lane_of_strand, std::size_t first_slot,
                               std::size_t n_slots) noexcept {
  if (n_slots - first_slot < n_lanes_) return false;
  const Slot& first = slots_[first_slot];
  const Slot& last = slots_[first_slot + n_lanes_ - 1];
  if (first.piece != last.piece) return false;
  const std::int32_t lane_index = plan.strand_of(*first.piece).first_lane + lane_of_strand;
  const LaneOutput& output = plan.output(lane_index);
  if (output.rows.row_stride != 1 || output.rows.bin_stride == 1) return false;
  const RowsPlace place = place_of(plan, first, lane_index);
  if (place.values == nullptr || place_of(plan, last, lane_index).values == nullptr) return false;
  const std::int64_t row = first.frame - plan.lane(lane_index).first_row;
  kernels_.columns(prepared_of(plan.lane(lane_index)).rows(), workspace_,
                   {place.values, place.bin_stride, output.maxima + row});
  return true;
}

void UnitWorker::assemble(const TickPlan& plan, const Unit& unit, std::int32_t lane_of_strand) noexcept {
  const float* values = workspace_.base_rows(static_cast<std::size_t>(lane_of_strand));
  for (std::int32_t i = 0; i < unit.n_pieces; ++i) {
    const Piece& piece = plan.piece(unit.first_piece + i);
    const std::int32_t lane_index = plan.strand_of(piece).first_lane + lane_of_strand;
    const Lane& lane = plan.lane(lane_index);
    const CpuPrepared& prepared = prepared_of(lane);
    const BaseRows base{
        values, piece.frames.begin,
        lane.segment_samples == kOpenEnd ? kOpenEnd : frame_count(prepared.geometry().frame, lane.segment_samples)};
    const LaneOutput& output = plan.output(lane_index);
    const IndexRange rows = rows_around(lane, piece.centres);
    assemble_rows(prepared, base, {rows.begin - lane.first_row, rows.end - lane.first_row}, lane.first_row, output);
    values += static_cast<std::size_t>(piece.frames.size()) * static_cast<std::size_t>(prepared.rows().n_values());
  }
}

/// @param rows of the lane, counted from its first.
void UnitWorker::assemble_rows(const CpuPrepared& prepared, const BaseRows& base, const IndexRange& rows,
                               std::int64_t first_row, const LaneOutput& output) noexcept {
  const std::int64_t n_bins = prepared.n_bins(), row_stride = output.rows.row_stride;
  if (output.rows.bin_stride == 1) {
    for (std::int64_t at = rows.begin; at < rows.end; ++at) {
      output.maxima[at] = assemble_row(prepared, base, first_row + at, output.rows.values + at * row_stride);
    }
    return;
  }
  // Some rows at a time: each bin of them is another page of memory.
  const std::int64_t most =
      std::clamp<std::int64_t>(static_cast<std::int64_t>(kAssembledFloats) / n_bins, 1, kLinesOfFloats);
  for (std::int64_t begin = rows.begin; begin < rows.end; begin += most) {
    const std::int64_t n = std::min(most, rows.end - begin);
    for (std::int64_t i = 0; i < n; ++i) {
      output.maxima[begin + i] =
          assemble_row(prepared, base, first_row + begin + i, workspace_.assembled() + i * n_bins);
    }
    const RowsPlace place{output.rows.values + begin * row_stride, row_stride, output.rows.bin_stride};
    scatter_rows(workspace_.assembled(), n, n_bins, place);
  }
}

}  // namespace melstream::engine::cpu
