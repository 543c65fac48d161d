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
    : PlannedPrepared(std::move(front_end), smoothing, transform.get(), kUnitFrames),
      transform_(std::move(transform)),
      rows_(row_tables(this->front_end().spec(), n_lanes)) {}

std::shared_ptr<const TransformTables> PreparedMaker::transform(const TransformSpec& spec) const {
  return std::make_shared<const TransformTables>(transform_tables(spec, n_lanes_));
}

std::shared_ptr<const CpuPrepared> PreparedMaker::prepared(const std::shared_ptr<const FrontEnd>& front_end,
                                                           Smoothing smoothing,
                                                           std::shared_ptr<const TransformTables> transform) const {
  check_size(*front_end);
  return std::make_shared<const CpuPrepared>(front_end, smoothing, std::move(transform), n_lanes_);
}

}  // namespace melstream::engine::cpu
