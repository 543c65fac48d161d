#include "melstream/engine/cpu/prepared.hpp"

#include <utility>

#include "melstream/core/error.hpp"

namespace melstream::engine::cpu {

CpuPrepared::CpuPrepared(std::shared_ptr<const FrontEnd> front_end, Smoothing smoothing,
                         std::shared_ptr<const TransformTables> transform, int n_lanes)
    : Prepared(std::move(front_end), smoothing),
      transform_(std::move(transform)),
      rows_(row_tables(this->front_end().spec(), n_lanes)),
      geometry_(this->front_end().rows(smoothing)),
      n_bins_(this->front_end().n_bins(smoothing)),
      is_assembled_(smoothing != Smoothing::kNone || geometry_.lfr != LowFrameRate{} ||
                    this->front_end().spec().cmvn.has_value()),
      centre_of_row_0_(smoothing == Smoothing::kBox3x3Valid ? 1 : 0) {}

std::shared_ptr<const CpuPrepared> PreparedCache::find_or_make(const std::shared_ptr<const FrontEnd>& front_end,
                                                               Smoothing smoothing) {
  if (smoothing != Smoothing::kNone && !front_end->allows_smoothing()) {
    throw core::Error(core::ErrorCode::kInvalidArgument,
                      "front end " + front_end->name() + " allows no smoothing; use none", "smoothing");
  }
  const std::lock_guard lock(mutex_);
  std::erase_if(prepared_, [](const auto& entry) { return entry.expired(); });
  for (const auto& entry : prepared_) {
    const std::shared_ptr<const CpuPrepared> known = entry.lock();
    if (known && known->smoothing() == smoothing && known->front_end().name() == front_end->name() &&
        known->front_end().sha256() == front_end->sha256()) {
      return known;
    }
  }
  auto made =
      std::make_shared<const CpuPrepared>(front_end, smoothing, transform(front_end->spec().transform), n_lanes_);
  prepared_.push_back(made);
  return made;
}

std::shared_ptr<const TransformTables> PreparedCache::transform(const TransformSpec& spec) {
  std::erase_if(transforms_, [](const auto& entry) { return entry.expired(); });
  for (const auto& entry : transforms_) {
    const std::shared_ptr<const TransformTables> known = entry.lock();
    if (known && known->spec == spec) return known;
  }
  auto made = std::make_shared<const TransformTables>(transform_tables(spec, n_lanes_));
  transforms_.push_back(made);
  return made;
}

}  // namespace melstream::engine::cpu
