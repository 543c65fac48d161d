#include "melstream/rpc/feature_choice.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "melstream/core/error.hpp"
#include "melstream/rpc/convert.hpp"

namespace melstream::rpc {
namespace {

using core::Error;
using core::ErrorCode;

ElementType to_element_type(v1::ElementType type) {
  switch (type) {
    case v1::ELEMENT_TYPE_UNSPECIFIED:
    case v1::ELEMENT_TYPE_FLOAT32:
      return ElementType::kFloat32;
    case v1::ELEMENT_TYPE_FLOAT16:
      return ElementType::kFloat16;
    default:
      throw Error(ErrorCode::kInvalidArgument, std::to_string(type) + " is not known here; use FLOAT32 or FLOAT16",
                  "element_type");
  }
}

Layout to_layout(v1::Layout layout) {
  switch (layout) {
    case v1::LAYOUT_UNSPECIFIED:
    case v1::LAYOUT_TIME_MAJOR:
      return Layout::kTimeMajor;
    case v1::LAYOUT_MEL_MAJOR:
      return Layout::kMelMajor;
    default:
      throw Error(ErrorCode::kInvalidArgument,
                  std::to_string(layout) + " is not known here; use TIME_MAJOR or MEL_MAJOR", "layout");
  }
}

std::shared_ptr<const engine::FrontEnd> find_front_end(const v1::FeatureRequest& request,
                                                       const engine::FrontEndCatalog& catalog) {
  if (request.front_end().empty()) {
    throw Error(ErrorCode::kInvalidArgument, "name one of those that ListFrontEnds gives", "front_end");
  }
  if (!request.has_cmvn()) return catalog.find(request.front_end());
  engine::Cmvn cmvn{.shift = {request.cmvn().shift().begin(), request.cmvn().shift().end()},
                    .scale = {request.cmvn().scale().begin(), request.cmvn().scale().end()}};
  const auto finite = [](float v) { return std::isfinite(v); };
  if (!std::all_of(cmvn.shift.begin(), cmvn.shift.end(), finite) ||
      !std::all_of(cmvn.scale.begin(), cmvn.scale.end(), finite)) {
    throw Error(ErrorCode::kInvalidArgument, "all values must be finite", "cmvn");
  }
  return catalog.with_cmvn(request.front_end(), std::move(cmvn));
}

void check_whisper_only(const FeatureChoice& choice) {
  const bool whisper_only = choice.normalization == engine::Normalization::kRunningMax ||
                            choice.normalization == engine::Normalization::kFixedMax ||
                            choice.normalization == engine::Normalization::kWhisperWindow;
  if (whisper_only && !choice.front_end->is_whisper()) {
    throw Error(ErrorCode::kInvalidArgument,
                "RUNNING_MAX, FIXED_MAX and WHISPER_WINDOW are for Whisper front ends; " + choice.front_end->name() +
                    " takes NONE, or PER_FEATURE_WINDOW by GetWindow",
                "normalization");
  }
}

}  // namespace

FeatureChoice choose_features(const v1::FeatureRequest& request, const engine::FrontEndCatalog& catalog) {
  FeatureChoice choice;
  choice.front_end = find_front_end(request, catalog);
  const std::string& sha256 = choice.front_end->sha256();
  if (!request.spec_sha256().empty() && request.spec_sha256() != sha256) {
    throw Error(ErrorCode::kFailedPrecondition,
                "the front end " + choice.front_end->name() + " has " + sha256 + ", but " + request.spec_sha256() +
                    " was asked for; see ListFrontEnds for its definition",
                "spec_sha256");
  }
  choice.smoothing = to_smoothing(request.smoothing());
  if (choice.smoothing != engine::Smoothing::kNone && !choice.front_end->allows_smoothing()) {
    throw Error(ErrorCode::kInvalidArgument, choice.front_end->name() + " allows none", "smoothing");
  }
  choice.normalization = to_normalization(request.normalization());
  check_whisper_only(choice);
  if (choice.normalization == engine::Normalization::kFixedMax) {
    if (!request.has_fixed_max() || !std::isfinite(request.fixed_max())) {
      throw Error(ErrorCode::kInvalidArgument, "normalization FIXED_MAX needs a finite value: log10 of mel energy",
                  "fixed_max");
    }
    choice.fixed_max = request.fixed_max();
  }
  choice.element_type = to_element_type(request.element_type());
  choice.layout = to_layout(request.layout());
  return choice;
}

void require_streamable(const FeatureChoice& choice) {
  if (choice.normalization != engine::Normalization::kWhisperWindow &&
      choice.normalization != engine::Normalization::kPerFeatureWindow) {
    return;
  }
  throw Error(ErrorCode::kInvalidArgument,
              "WHISPER_WINDOW and PER_FEATURE_WINDOW need the whole window; ask GetWindow for it, or subscribe with "
              "NONE, RUNNING_MAX or FIXED_MAX",
              "normalization");
}

}  // namespace melstream::rpc
