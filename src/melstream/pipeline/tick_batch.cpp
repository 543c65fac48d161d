#include "melstream/pipeline/tick_batch.hpp"

#include <algorithm>
#include <cassert>
#include <chrono>

#include "melstream/pipeline/level.hpp"

namespace melstream::pipeline {
namespace {

/// Floats of row memory a row of the limits: a wide row (LFR) takes the place of several.
constexpr std::size_t kFloatsPerRow = 128;

}  // namespace

TickBatch::TickBatch(const engine::Limits& limits)
    : max_lanes_(static_cast<std::size_t>(limits.max_lanes)),
      max_rows_(static_cast<std::size_t>(limits.max_rows)),
      values_(max_rows_ * kFloatsPerRow),
      maxima_(max_rows_) {
  lanes_.reserve(max_lanes_);
  histories_.reserve(max_lanes_);
  infos_.reserve(max_rows_);
}

std::int64_t TickBatch::room(int n_bins) const noexcept {
  if (lanes_.size() == max_lanes_) return 0;
  const std::size_t by_rows = max_rows_ - infos_.size();
  const std::size_t by_values = (values_.size() - n_values_) / static_cast<std::size_t>(n_bins);
  return static_cast<std::int64_t>(std::min(by_rows, by_values));
}

std::span<RowInfo> TickBatch::add(const engine::Lane& lane, FeatureHistory& history) {
  assert(!ticket_ && lane.n_rows <= room(history.n_bins()));
  lanes_.push_back(lane);
  histories_.push_back(&history);
  const std::int64_t stride = engine::row_stride(history.geometry());
  for (std::int32_t i = 0; i < lane.n_rows; ++i) {
    const Level level = level_of(lane.samples, (lane.first_row + i) * stride - lane.samples_begin, stride);
    infos_.push_back({.mean_square = level.mean_square, .peak = level.peak});
  }
  n_values_ += static_cast<std::size_t>(lane.n_rows) * static_cast<std::size_t>(history.n_bins());
  n_frames_ += lane.n_rows * history.geometry().lfr.n;
  return std::span(infos_).last(static_cast<std::size_t>(lane.n_rows));
}

void TickBatch::start(engine::Engine& engine) {
  if (lanes_.empty()) return;
  ticket_ = engine.submit({.lanes = lanes_,
                           .rows = std::span(values_).first(n_values_),
                           .maxima = std::span(maxima_).first(infos_.size())});
}

std::int64_t TickBatch::finish(engine::Engine& engine) {
  if (!ticket_) return 0;
  while (!engine.poll(*ticket_, std::chrono::milliseconds(10))) {
  }
  ticket_.reset();
  const auto n_rows = static_cast<std::int64_t>(infos_.size());
  publish();
  lanes_.clear();
  histories_.clear();
  infos_.clear();
  n_values_ = 0;
  n_frames_ = 0;
  return n_rows;
}

void TickBatch::publish() {
  std::size_t row = 0;
  std::size_t value = 0;
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
    const auto n = static_cast<std::size_t>(lanes_[lane].n_rows);
    const std::size_t n_floats = n * static_cast<std::size_t>(histories_[lane]->n_bins());
    for (std::size_t i = row; i < row + n; ++i) infos_[i].max = maxima_[i];
    histories_[lane]->publish(std::span(values_).subspan(value, n_floats), std::span(infos_).subspan(row, n));
    row += n;
    value += n_floats;
  }
}

}  // namespace melstream::pipeline
