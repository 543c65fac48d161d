#include "melstream/engine/cpu/prepared.hpp"

#include <string>
#include <utility>

#include "melstream/core/error.hpp"
#include "melstream/engine/cpu/workspace.hpp"

namespace melstream::engine::cpu {
namespace {

/// The scratch memory is made for these; FrontEnd allows no more, but nothing else would notice if it did one day.
void check_size(const FrontEnd& front_end) {
  const FrontEndSpec& spec = front_end.spec();
  if (spec.transform.n_fft > kMaxFft || spec.mel.n_mels > kMaxMels || spec.lfr.m > kUnitFrames) {
    throw core::Error(core::ErrorCode::kInvalidArgument,
                      "front end " + front_end.name() + " is too large for the CPU engine: n_fft at most " +
                          std::to_string(kMaxFft) + ", n_mels " + std::to_string(kMaxMels) + ", lfr_m " +
                          std::to_string(kUnitFrames),
                      "front_end");
  }
}

}  // namespace

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
  check_size(*front_end);
  const std::lock_guard lock(mutex_);
  std::erase_if(prepared_, [](const auto& entry) { return entry.expired(); });
  for (const auto& entry : prepared_) {
    std::shared_ptr<const CpuPrepared> known = entry.lock();
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
    std::shared_ptr<const TransformTables> known = entry.lock();
    if (known && known->spec == spec) return known;
  }
  auto made = std::make_shared<const TransformTables>(transform_tables(spec, n_lanes_));
  transforms_.push_back(made);
  return made;
}

}  // namespace melstream::engine::cpu
