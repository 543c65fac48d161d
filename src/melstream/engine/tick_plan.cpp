#include "melstream/engine/tick_plan.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <string>

#include "melstream/core/error.hpp"

namespace melstream::engine {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

bool have_equal_samples(const Lane& a, const Lane& b) noexcept {
  const auto is_same = [](std::span<const float> x, std::span<const float> y) {
    return x.data() == y.data() && x.size() == y.size();
  };
  return is_same(a.samples[0], b.samples[0]) && is_same(a.samples[1], b.samples[1]) &&
         a.samples_begin == b.samples_begin && a.segment_samples == b.segment_samples;
}

IndexRange centres_of(const Lane& lane) noexcept {
  const PlannedPrepared& prepared = planned(lane);
  return {prepared.centre_of(lane.first_row), prepared.centre_of(lane.first_row + lane.n_rows - 1) + 1};
}

}  // namespace

IndexRange rows_around(const Lane& lane, const IndexRange& centres) noexcept {
  const PlannedPrepared& prepared = planned(lane);
  return {std::max(lane.first_row, prepared.first_row_from(centres.begin)),
          std::min(lane.first_row + lane.n_rows, prepared.first_row_from(centres.end))};
}

TickPlan::TickPlan(const Limits& limits) : limits_(limits) {
  const auto n_lanes = static_cast<std::size_t>(limits.max_lanes);
  const auto n_rows = static_cast<std::size_t>(limits.max_rows);
  outputs_.reserve(n_lanes);
  strands_.reserve(n_lanes);
  order_.reserve(n_lanes);
  pieces_.reserve(n_rows);  // each piece has a row that no other piece has
  units_.reserve(n_rows);
}

void TickPlan::build(const Tick& tick) {
  tick_ = tick;
  check_and_place();
  find_strands();
  order_strands();
  cut_units();
}

void TickPlan::check_and_place() {
  if (tick_.lanes.size() > static_cast<std::size_t>(limits_.max_lanes)) {
    throw core::EngineError("a tick of " + std::to_string(tick_.lanes.size()) + " lanes; the engine was made for " +
                            std::to_string(limits_.max_lanes));
  }
  outputs_.clear();
  std::size_t n_rows = 0, n_values = 0;
  const bool has_places = !tick_.places.empty();
  if (has_places && tick_.places.size() != tick_.lanes.size()) {
    throw core::EngineError("a tick of " + std::to_string(tick_.lanes.size()) + " lanes with places for " +
                            std::to_string(tick_.places.size()));
  }
  for (const Lane& lane : tick_.lanes) {
    const auto n_bins = static_cast<std::size_t>(planned(lane).n_bins());
    const RowsPlace behind_the_last{tick_.rows.data() + n_values, static_cast<std::int64_t>(n_bins), 1};
    outputs_.push_back({has_places ? tick_.places[outputs_.size()] : behind_the_last, tick_.maxima.data() + n_rows});
    n_rows += static_cast<std::size_t>(lane.n_rows);
    n_values += static_cast<std::size_t>(lane.n_rows) * n_bins;
  }
  if (n_rows > static_cast<std::size_t>(limits_.max_rows)) {
    throw core::EngineError("a tick of " + std::to_string(n_rows) + " rows; the engine was made for " +
                            std::to_string(limits_.max_rows));
  }
  if ((!has_places && tick_.rows.size() < n_values) || tick_.maxima.size() < n_rows) {
    throw core::EngineError("a tick of " + std::to_string(n_values) + " values in " + std::to_string(n_rows) +
                            " rows has room for " + std::to_string(tick_.rows.size()) + " and " +
                            std::to_string(tick_.maxima.size()));
  }
}

void TickPlan::find_strands() {
  strands_.clear();
  const Lane* previous = nullptr;
  for (std::size_t i = 0; i < tick_.lanes.size(); ++i) {
    const Lane& lane = tick_.lanes[i];
    if (lane.n_rows <= 0) continue;
    const PlannedPrepared& prepared = planned(lane);
    const IndexRange centres = centres_of(lane);
    const bool joins = previous != nullptr && strands_.back().n_lanes < kMaxSharing &&
                       strands_.back().first_lane + strands_.back().n_lanes == static_cast<std::int32_t>(i) &&
                       planned(*previous).shares_spectra_with(prepared) && have_equal_samples(*previous, lane) &&
                       centres.begin <= strands_.back().centres.end && strands_.back().centres.begin <= centres.end;
    if (!joins) strands_.push_back({static_cast<std::int32_t>(i), 0, centres, 0, true});
    Strand& strand = strands_.back();
    ++strand.n_lanes;
    strand.centres.begin = std::min(strand.centres.begin, centres.begin);
    strand.centres.end = std::max(strand.centres.end, centres.end);
    strand.halo = std::max(strand.halo, prepared.halo());
    strand.is_sparse = strand.is_sparse && prepared.geometry().lfr.n > prepared.geometry().lfr.m;
    previous = &lane;
  }
}

int TickPlan::compare_recipes(const Strand& a, const Strand& b) const noexcept {
  if (a.n_lanes != b.n_lanes) return a.n_lanes < b.n_lanes ? -1 : 1;
  for (std::int32_t j = 0; j < a.n_lanes; ++j) {
    const Prepared* const p = lane(a.first_lane + j).prepared;
    const Prepared* const q = lane(b.first_lane + j).prepared;
    if (p != q) return std::less<>()(p, q) ? -1 : 1;
  }
  return 0;
}

void TickPlan::order_strands() {
  order_.resize(strands_.size());
  std::iota(order_.begin(), order_.end(), 0);
  const auto is_before = [this](std::int32_t i, std::int32_t j) {
    const int comparison =
        compare_recipes(strands_[static_cast<std::size_t>(i)], strands_[static_cast<std::size_t>(j)]);
    return comparison != 0 ? comparison < 0 : i < j;
  };
  if (!std::is_sorted(order_.begin(), order_.end(), is_before)) std::sort(order_.begin(), order_.end(), is_before);
}

std::int64_t TickPlan::centre_from(const Strand& strand, std::int64_t frame) const noexcept {
  if (frame >= strand.centres.end) return kNever;
  if (!strand.is_sparse && strand.halo == 0) return frame;
  std::int64_t nearest = kNever;
  for (std::int32_t j = 0; j < strand.n_lanes; ++j) {
    const Lane& l = lane(strand.first_lane + j);
    const std::int64_t row = std::max(l.first_row, planned(l).first_row_from(frame));
    if (row < l.first_row + l.n_rows) nearest = std::min(nearest, planned(l).centre_of(row));
  }
  return nearest;
}

Piece TickPlan::next_piece(std::int32_t strand_index, std::int64_t first_centre, std::int64_t room) const noexcept {
  const Strand& strand = strands_[static_cast<std::size_t>(strand_index)];
  const std::int64_t n_centres = strand.is_sparse ? 1 : room - strand.halo;
  const IndexRange centres{first_centre, std::min(first_centre + n_centres, strand.centres.end)};
  if (strand.halo == 0) return {strand_index, centres, centres};
  IndexRange frames{kNever, 0};
  for (std::int32_t j = 0; j < strand.n_lanes; ++j) {
    const Lane& l = lane(strand.first_lane + j);
    const IndexRange rows = rows_around(l, centres);
    if (rows.size() <= 0) continue;
    const IndexRange needed = frames_of_rows(planned(l).geometry(), rows.begin, rows.size(), l.segment_samples);
    frames.begin = std::min(frames.begin, needed.begin);
    frames.end = std::max(frames.end, needed.end);
  }
  return {strand_index, centres, frames};
}

std::int64_t TickPlan::n_unit_frames(const Strand& strand) const noexcept {
  std::int64_t n = kNever;
  for (std::int32_t j = 0; j < strand.n_lanes; ++j) {
    n = std::min<std::int64_t>(n, planned(lane(strand.first_lane + j)).n_unit_frames());
  }
  return n;
}

void TickPlan::cut_units() {
  pieces_.clear();
  units_.clear();
  std::int64_t room = 0;
  const Strand* previous = nullptr;
  for (const std::int32_t index : order_) {
    const Strand& strand = strands_[static_cast<std::size_t>(index)];
    if (previous != nullptr && compare_recipes(*previous, strand) != 0) room = 0;
    previous = &strand;
    std::int64_t centre = strand.centres.begin;
    while (centre != kNever) {
      if (room <= strand.halo) {
        units_.push_back({static_cast<std::int32_t>(pieces_.size()), 0});
        room = n_unit_frames(strand);
      }
      const Piece piece = next_piece(index, centre, room);
      pieces_.push_back(piece);
      ++units_.back().n_pieces;
      room -= piece.frames.size();
      centre = centre_from(strand, piece.centres.end);
    }
  }
}

}  // namespace melstream::engine
