#include "tests/support/extract.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <stdexcept>
#include <string>

namespace melstream::test {
namespace {

/// Room around the samples, so that a kernel that reads a whole vector too far meets NaN, not another allocation.
constexpr std::size_t kMargin = 1024;

std::vector<float> guarded(std::span<const float> samples) {
  std::vector<float> copy(samples.size() + 2 * kMargin, std::numeric_limits<float>::quiet_NaN());
  std::copy(samples.begin(), samples.end(), copy.begin() + kMargin);
  return copy;
}

}  // namespace

LaneSamples::LaneSamples(const engine::Prepared& prepared, std::span<const float> clip, std::int64_t first_row,
                         std::int64_t n_rows, std::int64_t segment_samples) {
  const engine::RowGeometry geometry = prepared.front_end().rows(prepared.smoothing());
  const engine::IndexRange range = engine::samples_of_rows(geometry, first_row, n_rows, segment_samples);
  const auto needed = clip.subspan(static_cast<std::size_t>(range.begin), static_cast<std::size_t>(range.size()));
  const std::size_t half = needed.size() / 2;
  copies_ = {guarded(needed.first(half)), guarded(needed.subspan(half))};
  lane_.prepared = &prepared;
  lane_.first_row = first_row;
  lane_.n_rows = static_cast<std::int32_t>(n_rows);
  lane_.segment_samples = segment_samples;
  lane_.samples_begin = range.begin;
  lane_.samples = {std::span<const float>(copies_[0]).subspan(kMargin, half),
                   std::span<const float>(copies_[1]).subspan(kMargin, needed.size() - half)};
}

std::vector<Matrix> run_tick(engine::Engine& engine, std::span<const engine::Lane> lanes) {
  std::vector<Matrix> results;
  std::size_t n_values = 0;
  std::size_t n_rows = 0;
  for (const engine::Lane& lane : lanes) {
    const auto rows = static_cast<std::size_t>(lane.n_rows);
    const auto cols = static_cast<std::size_t>(lane.prepared->front_end().n_bins(lane.prepared->smoothing()));
    results.push_back({rows, cols, {}});
    n_rows += rows;
    n_values += rows * cols;
  }
  std::vector<float> values(n_values, std::numeric_limits<float>::quiet_NaN());
  std::vector<float> maxima(n_rows, std::numeric_limits<float>::quiet_NaN());
  const engine::Ticket ticket = engine.submit({lanes, values, maxima});
  while (!engine.poll(ticket, std::chrono::seconds(1))) {
  }

  auto value = values.cbegin();
  auto maximum = maxima.cbegin();
  for (Matrix& result : results) {
    const auto size = static_cast<std::ptrdiff_t>(result.rows * result.cols);
    result.values.assign(value, value + size);
    value += size;
    for (std::size_t row = 0; row < result.rows; ++row, ++maximum) {
      const auto expected = result.row(row);
      if (*maximum != *std::max_element(expected.begin(), expected.end())) {
        throw std::runtime_error("maximum of row " + std::to_string(row) + " is not that of its values");
      }
    }
  }
  return results;
}

Matrix whole_clip(engine::Engine& engine, const engine::Prepared& prepared, std::span<const float> clip) {
  const engine::RowGeometry geometry = prepared.front_end().rows(prepared.smoothing());
  const auto n_samples = static_cast<std::int64_t>(clip.size());
  const LaneSamples samples(prepared, clip, 0, engine::row_count(geometry, n_samples), n_samples);
  return run_tick(engine, std::span(&samples.lane(), 1)).front();
}

Matrix streamed_clip(engine::Engine& engine, const engine::Prepared& prepared, std::span<const float> clip,
                     std::span<const std::size_t> chunk_sizes) {
  const engine::RowGeometry geometry = prepared.front_end().rows(prepared.smoothing());
  Matrix result{0, static_cast<std::size_t>(prepared.front_end().n_bins(prepared.smoothing())), {}};
  const auto emit = [&](std::int64_t up_to_row, std::int64_t segment_samples) {
    const auto first = static_cast<std::int64_t>(result.rows);
    if (up_to_row <= first) return;
    const LaneSamples samples(prepared, clip, first, up_to_row - first, segment_samples);
    const Matrix rows = run_tick(engine, std::span(&samples.lane(), 1)).front();
    result.rows += rows.rows;
    result.values.insert(result.values.end(), rows.values.begin(), rows.values.end());
  };
  std::size_t received = 0;
  for (std::size_t i = 0; received < clip.size(); ++i) {
    received = std::min(clip.size(), received + chunk_sizes[i % chunk_sizes.size()]);
    emit(engine::rows_ready(geometry, static_cast<std::int64_t>(received)), engine::kOpenEnd);
  }
  const auto n_samples = static_cast<std::int64_t>(clip.size());
  emit(engine::row_count(geometry, n_samples), n_samples);
  return result;
}

}  // namespace melstream::test
