#include "melstream/engine/cuda/slice.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "melstream/core/error.hpp"
#include "melstream/engine/frame_reader.hpp"

namespace melstream::engine::cuda {
namespace {

constexpr std::size_t kAlignment = 16;
/// Frames further away than this are beyond every row: keeps positions of a segment within 32 bits.
constexpr std::int64_t kFar = std::int64_t{1} << 30;

constexpr std::size_t aligned(std::size_t n_bytes) noexcept {
  return (n_bytes + kAlignment - 1) / kAlignment * kAlignment;
}

/// The samples that base frames read, edges not resolved.
IndexRange positions_of(const FrameGeometry& geometry, const IndexRange& frames) noexcept {
  return {frames.begin * geometry.hop - geometry.left - geometry.lead,
          (frames.end - 1) * geometry.hop - geometry.left + geometry.window};
}

const FrameGeometry& geometry_of(const TickPlan& plan, const Piece& piece) noexcept {
  return prepared_of(plan.lane(plan.strand_of(piece).first_lane)).transform().spec.geometry;
}

std::int32_t clamped(std::int64_t frame) noexcept {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(frame, -kFar, kFar));
}

}  // namespace

Tile::Tile(Device& device, const Sizes& sizes)
    : input_memory(device.allocate(sizes.tile_floats * sizeof(float))),
      spectra_memory(device.allocate(sizes.tile_bins * sizeof(Complex))),
      energy_memory(device.allocate(static_cast<std::size_t>(sizes.unit_frames) * sizeof(float))),
      base_memory(device.allocate(sizes.row_floats * sizeof(float))) {}

Slice::Slice(Device& device, const Sizes& sizes, int first_mark)
    : sizes_(sizes),
      first_mark_(first_mark),
      upload_host_(device.allocate_pinned(sizes.upload_bytes)),
      upload_device_(device.allocate(sizes.upload_bytes)),
      out_device_(device.allocate(sizes.row_floats * sizeof(float))),
      out_host_(device.allocate_pinned(sizes.row_floats * sizeof(float))) {
  // Each piece has a frame of its own, and rows and maxima for each lane.
  deliveries_.reserve(std::size_t{2} * kMaxSharing * static_cast<std::size_t>(sizes.slice_frames));
}

void Slice::clear() noexcept {
  deliveries_.clear();
  n_upload_ = 0;
  n_in_place_ = 0;
  n_out_ = 0;
  n_frames_ = 0;
  n_units_ = 0;
  n_launches_ = 0;
}

Slice::Need Slice::need_of(const TickPlan& plan, const Unit& unit) const noexcept {
  Need need;
  std::size_t n_floats = 0;
  std::array<std::size_t, kMaxSharing> n_rows{};
  const Strand& recipe = plan.strand_of(plan.piece(unit.first_piece));
  for (std::int32_t i = 0; i < unit.n_pieces; ++i) {
    const Piece& piece = plan.piece(unit.first_piece + i);
    need.n_frames += static_cast<std::int32_t>(piece.frames.size());
    // At most: every piece as one span, or, where frames are read in place, each of the others by itself.
    const FrameGeometry& geometry = geometry_of(plan, piece);
    const auto span =
        static_cast<std::size_t>(std::max(geometry.hop, geometry.window)) + static_cast<std::size_t>(geometry.lead);
    n_floats += aligned(span * sizeof(float)) / sizeof(float) * static_cast<std::size_t>(piece.frames.size());
    for (std::int32_t j = 0; j < recipe.n_lanes; ++j) {
      const Lane& lane = plan.lane(plan.strand_of(piece).first_lane + j);
      n_rows[static_cast<std::size_t>(j)] +=
          static_cast<std::size_t>(std::max<std::int64_t>(0, rows_around(lane, piece.centres).size()));
    }
  }
  const auto n_frames = static_cast<std::size_t>(need.n_frames);
  need.upload = n_floats * sizeof(float) + aligned(n_frames * sizeof(FrameRef));
  for (std::int32_t j = 0; j < recipe.n_lanes; ++j) {
    const CudaPrepared& prepared = prepared_of(plan.lane(recipe.first_lane + j));
    const std::size_t n = n_rows[static_cast<std::size_t>(j)];
    need.upload += aligned(prepared.is_assembled() ? n * sizeof(AssembleJob) : n_frames * sizeof(RowPlace));
    need.out += n * (static_cast<std::size_t>(prepared.n_bins()) + 1);
  }
  return need;
}

bool Slice::add(const TickPlan& plan, const Unit& unit, const PinnedRegions* regions) {
  const Need need = need_of(plan, unit);
  const bool fits = n_units_ < kSliceUnits && n_frames_ + need.n_frames <= sizes_.slice_frames &&
                    n_upload_ + need.upload <= sizes_.upload_bytes && n_out_ + need.out <= sizes_.row_floats;
  if (!fits) {
    if (!empty()) return false;
    throw core::EngineError("a unit of " + std::to_string(need.n_frames) + " frames needs " +
                            std::to_string(need.upload) + " bytes and " + std::to_string(need.out) +
                            " floats; the CUDA engine has room for " + std::to_string(sizes_.upload_bytes) + " and " +
                            std::to_string(sizes_.row_floats));
  }
  UnitWork& work = units_[static_cast<std::size_t>(n_units_++)];
  work.n_frames = need.n_frames;
  work.n_lanes = plan.strand_of(plan.piece(unit.first_piece)).n_lanes;
  n_frames_ += need.n_frames;
  add_frames(plan, unit, work, regions);
  for (std::int32_t j = 0; j < work.n_lanes; ++j) add_lane(plan, unit, j, work);
  return true;
}

std::size_t Slice::take(std::size_t n_bytes) noexcept {
  const std::size_t at = n_upload_;
  n_upload_ += aligned(n_bytes);
  return at;
}

void Slice::add_frames(const TickPlan& plan, const Unit& unit, UnitWork& work, const PinnedRegions* regions) noexcept {
  work.frames = take(static_cast<std::size_t>(work.n_frames) * sizeof(FrameRef));
  FrameRef* ref = host<FrameRef>(work.frames);
  for (std::int32_t i = 0; i < unit.n_pieces; ++i) {
    const Piece& piece = plan.piece(unit.first_piece + i);
    const Lane& lane = plan.lane(plan.strand_of(piece).first_lane);
    const FrameGeometry& geometry = geometry_of(plan, piece);
    const auto stage = [&](const IndexRange& positions) {
      const std::size_t at = take(static_cast<std::size_t>(positions.size()) * sizeof(float));
      read_positions(lane, geometry.edge, positions.begin, positions.end, host<float>(at));
      return on_device<float>(at) + geometry.lead;
    };
    // One span for the whole piece, unless the device reads frames in place: then only those that cannot be.
    const float* const span = regions == nullptr ? stage(positions_of(geometry, piece.frames)) : nullptr;
    for (std::int64_t frame = piece.frames.begin; frame < piece.frames.end; ++frame, ++ref) {
      ref->n_valid = samples_before_end(lane, geometry, frame);
      if (span != nullptr) {
        ref->samples = span + (frame - piece.frames.begin) * geometry.hop;
        continue;
      }
      const IndexRange positions = positions_of(geometry, {frame, frame + 1});
      const float* const found = find_positions(lane, positions.begin, positions.end);
      const float* const in_place =
          found != nullptr ? regions->find(found, static_cast<std::size_t>(positions.size())) : nullptr;
      if (in_place != nullptr) n_in_place_ += static_cast<std::size_t>(positions.size()) * sizeof(float);
      ref->samples = in_place != nullptr ? in_place + geometry.lead : stage(positions);
    }
  }
}

void Slice::add_lane(const TickPlan& plan, const Unit& unit, std::int32_t lane_of_strand, UnitWork& work) noexcept {
  LaneWork& lane_work = work.lanes[static_cast<std::size_t>(lane_of_strand)];
  const Strand& recipe = plan.strand_of(plan.piece(unit.first_piece));
  const CudaPrepared& prepared = prepared_of(plan.lane(recipe.first_lane + lane_of_strand));
  const auto n_bins = static_cast<std::size_t>(prepared.n_bins());
  std::size_t n_rows = 0;
  for (std::int32_t i = 0; i < unit.n_pieces; ++i) {
    const Piece& piece = plan.piece(unit.first_piece + i);
    const Lane& lane = plan.lane(plan.strand_of(piece).first_lane + lane_of_strand);
    n_rows += static_cast<std::size_t>(std::max<std::int64_t>(0, rows_around(lane, piece.centres).size()));
  }
  lane_work.prepared = &prepared;
  lane_work.n_rows = static_cast<std::int32_t>(n_rows);
  lane_work.table = prepared.is_assembled() ? take(n_rows * sizeof(AssembleJob))
                                            : take(static_cast<std::size_t>(work.n_frames) * sizeof(RowPlace));
  auto* job = host<AssembleJob>(lane_work.table);
  auto* const places = host<RowPlace>(lane_work.table);
  if (!prepared.is_assembled()) std::fill_n(places, work.n_frames, RowPlace{});
  // Rows of the unit's pieces one after another, then their maxima.
  std::size_t values_at = n_out_, maxima_at = n_out_ + n_rows * n_bins;
  n_out_ = maxima_at + n_rows;
  std::int64_t first_slot = 0;
  for (std::int32_t i = 0; i < unit.n_pieces; ++i) {
    const Piece& piece = plan.piece(unit.first_piece + i);
    const std::int32_t lane_index = plan.strand_of(piece).first_lane + lane_of_strand;
    const Lane& lane = plan.lane(lane_index);
    const IndexRange rows = rows_around(lane, piece.centres);
    const std::int64_t n_frames_total =
        lane.segment_samples == kOpenEnd ? kOpenEnd : frame_count(prepared.geometry().frame, lane.segment_samples);
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const auto k = static_cast<std::size_t>(row - rows.begin);
      const RowPlace place{static_cast<std::int32_t>(values_at + k * n_bins), static_cast<std::int32_t>(maxima_at + k)};
      if (prepared.is_assembled()) {
        *job++ = {static_cast<std::int32_t>(first_slot), clamped(prepared.centre_of(row) - piece.frames.begin),
                  clamped(-piece.frames.begin), clamped(n_frames_total - 1 - piece.frames.begin), place};
      } else {
        places[first_slot + row - piece.frames.begin] = place;
      }
    }
    if (const auto n = static_cast<std::size_t>(std::max<std::int64_t>(0, rows.size())); n > 0) {
      const auto at = static_cast<std::size_t>(rows.begin - lane.first_row);
      deliver_rows(plan.output(lane_index).rows, at, values_at, n, n_bins);
      values_at += n * n_bins;
      maxima_at += n;
    }
    first_slot += piece.frames.size();
  }
  maxima_at -= n_rows;
  for (std::int32_t i = 0; i < unit.n_pieces; ++i) {
    const Piece& piece = plan.piece(unit.first_piece + i);
    const std::int32_t lane_index = plan.strand_of(piece).first_lane + lane_of_strand;
    const IndexRange rows = rows_around(plan.lane(lane_index), piece.centres);
    if (rows.size() <= 0) continue;
    const auto n = static_cast<std::size_t>(rows.size());
    deliver_to(plan.output(lane_index).maxima + (rows.begin - plan.lane(lane_index).first_row), maxima_at, n);
    maxima_at += n;
  }
}

/// Rows [first, first + n) of a lane, from the download on one after another.
void Slice::deliver_rows(const RowsPlace& place, std::size_t first, std::size_t from, std::size_t n,
                         std::size_t n_bins) noexcept {
  float* to = place.values + static_cast<std::int64_t>(first) * place.row_stride;
  if (place.bin_stride == 1 && place.row_stride == static_cast<std::int64_t>(n_bins)) {
    deliver_to(to, from, n * n_bins);
    return;
  }
  for (std::size_t row = 0; row < n; ++row, from += n_bins, to += place.row_stride) {
    deliveries_.push_back({from, n_bins, to, place.bin_stride});
  }
}

void Slice::deliver_to(float* to, std::size_t from, std::size_t n_floats) noexcept {
  if (!deliveries_.empty()) {
    Delivery& last = deliveries_.back();
    if (last.stride == 1 && last.from + last.n_floats == from && last.to + last.n_floats == to) {
      last.n_floats += n_floats;
      return;
    }
  }
  deliveries_.push_back({from, n_floats, to, 1});
}

void Slice::run_async(Queue& queue, const Tile& tile, bool measure) {
  if (measure) queue.mark_async(first_mark_ + 1);
  queue.upload_async(upload_device_.get(), upload_host_.get(), n_upload_);
  if (measure) queue.mark_async(first_mark_ + 2);
  for (int i = 0; i < n_units_; ++i) {
    run_unit(queue, tile, units_[static_cast<std::size_t>(i)], first_mark_ + 3 + 3 * i, measure);
  }
  queue.download_async(out_host_.get(), out_device_.get(), n_out_ * sizeof(float));
  queue.mark_async(first_mark_);
}

void Slice::run_unit(Queue& queue, const Tile& tile, const UnitWork& work, int first_mark, bool measure) {
  const TransformTables& transform = work.lanes[0].prepared->transform();
  const auto lanes = std::span(work.lanes).first(static_cast<std::size_t>(work.n_lanes));
  const bool wants_energy =
      std::any_of(lanes.begin(), lanes.end(), [](const LaneWork& lane) { return lane.prepared->rows().energy_first; });
  GatherParams gather = transform.gather;
  gather.frames = on_device<FrameRef>(work.frames);
  gather.input = tile.input();
  gather.energy = wants_energy ? tile.energy() : nullptr;
  gather.n_frames = work.n_frames;
  queue.gather_async(gather);
  if (measure) queue.mark_async(first_mark);
  transform.plans->run_async(tile.input(), tile.spectra(), work.n_frames);
  if (measure) queue.mark_async(first_mark + 1);
  float* base_rows = tile.base_rows();
  for (const LaneWork& lane : lanes) {
    run_lane(queue, tile, work, lane, base_rows);
    if (lane.prepared->is_assembled()) base_rows += work.n_frames * lane.prepared->rows().n_values();
  }
  if (measure) queue.mark_async(first_mark + 2);
  n_launches_ += 2 + work.n_lanes;
}

void Slice::run_lane(Queue& queue, const Tile& tile, const UnitWork& work, const LaneWork& lane, float* base_rows) {
  RowsParams rows = lane.prepared->rows();
  rows.spectra = tile.spectra();
  rows.energy = tile.energy();
  rows.n_frames = work.n_frames;
  auto* const out = reinterpret_cast<float*>(out_device_.get());
  if (!lane.prepared->is_assembled()) {
    rows.places = on_device<RowPlace>(lane.table);
    rows.rows = out;
    queue.rows_async(rows);
    return;
  }
  rows.rows = base_rows;
  queue.rows_async(rows);
  if (lane.n_rows == 0) return;
  AssembleParams assemble = lane.prepared->assemble();
  assemble.jobs = on_device<AssembleJob>(lane.table);
  assemble.base_rows = base_rows;
  assemble.rows = out;
  assemble.n_rows = lane.n_rows;
  queue.assemble_async(assemble);
  ++n_launches_;
}

void Slice::deliver() const noexcept {
  const auto* const out = reinterpret_cast<const float*>(out_host_.get());
  for (const Delivery& delivery : deliveries_) {
    if (delivery.stride == 1) {
      std::memcpy(delivery.to, out + delivery.from, delivery.n_floats * sizeof(float));
      continue;
    }
    float* to = delivery.to;
    for (std::size_t i = 0; i < delivery.n_floats; ++i, to += delivery.stride) *to = out[delivery.from + i];
  }
}

std::array<double, 5> Slice::stage_seconds(Queue& queue) const {
  std::array<double, 5> seconds{};
  seconds[0] = queue.seconds_between(first_mark_ + 1, first_mark_ + 2);
  int last = first_mark_ + 2;
  for (int i = 0; i < n_units_; ++i) {
    for (std::size_t stage = 1; stage <= 3; ++stage) {
      const int next = last + 1;
      seconds[stage] += queue.seconds_between(last, next);
      last = next;
    }
  }
  seconds[4] = queue.seconds_between(last, first_mark_);
  return seconds;
}

}  // namespace melstream::engine::cuda
