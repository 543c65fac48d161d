#include "melstream/pipeline/segment.hpp"

#include <algorithm>
#include <utility>

#include "melstream/core/error.hpp"

namespace melstream::pipeline {

GeometryTable::GeometryTable(const std::vector<engine::RowGeometry>& geometries) {
  for (const engine::RowGeometry& geometry : geometries) {
    if (std::find(geometries_.begin(), geometries_.end(), geometry) == geometries_.end())
      geometries_.push_back(geometry);
  }
}

std::size_t GeometryTable::slot_of(const engine::RowGeometry& geometry) const {
  const auto found = std::find(geometries_.begin(), geometries_.end(), geometry);
  if (found == geometries_.end()) {
    throw core::Error(core::ErrorCode::kInternal, "a front end whose framing is not in the catalog");
  }
  return static_cast<std::size_t>(found - geometries_.begin());
}

FrameNumbering::FrameNumbering(const GeometryTable& table) : table_(table), first_(table.size()), next_(table.size()) {}

void FrameNumbering::begin(core::SampleIndex timeline_begin) noexcept {
  for (std::size_t slot = 0; slot < first_.size(); ++slot) {
    const std::int64_t stride = engine::row_stride(table_[slot]);
    first_[slot] = std::max(next_[slot], (timeline_begin + stride - 1) / stride);
  }
}

void FrameNumbering::end(std::int64_t n_samples) noexcept {
  for (std::size_t slot = 0; slot < first_.size(); ++slot) {
    next_[slot] = first_[slot] + engine::row_count(table_[slot], n_samples);
  }
}

}  // namespace melstream::pipeline
