#include "melstream/pipeline/tick_batch.hpp"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <limits>

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

void TickBatch::start(engine::Engine& engine, std::int64_t now_mono_ns, LatencyHistograms& latency) {
  if (lanes_.empty()) return;
  started_mono_ns_ = now_mono_ns;
  LatencyHistograms::Histogram::Counts waited;
  n_timed_ = 0;
  for (const RowInfo& info : infos_) {
    if (!info.timed) continue;
    waited.add(now_mono_ns - info.received_mono_ns);
    ++n_timed_;
  }
  latency.queue.add(waited);
  ticket_ = engine.submit({.lanes = lanes_,
                           .rows = std::span(values_).first(n_values_),
                           .maxima = std::span(maxima_).first(infos_.size())});
}

std::int64_t TickBatch::finish(engine::Engine& engine, const core::Clock& clock, LatencyHistograms& latency) {
  if (!ticket_) return 0;
  while (!engine.poll(*ticket_, std::chrono::milliseconds(10))) {
  }
  ticket_.reset();
  const auto n_rows = static_cast<std::int64_t>(infos_.size());
  time_rows(clock.mono_ns(), latency);
  publish();
  lanes_.clear();
  histories_.clear();
  infos_.clear();
  n_values_ = 0;
  n_frames_ = 0;
  return n_rows;
}

void TickBatch::time_rows(std::int64_t now_mono_ns, LatencyHistograms& latency) {
  constexpr std::int64_t kNsPerUs = 1'000;
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  for (RowInfo& info : infos_) {
    info.computed_us = static_cast<std::uint32_t>(
        std::clamp<std::int64_t>((now_mono_ns - info.received_mono_ns) / kNsPerUs, 0, kMost));
  }
  if (n_timed_ > 0) latency.engine.observe(now_mono_ns - started_mono_ns_, n_timed_);
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
