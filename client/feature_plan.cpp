#include "client/feature_plan.hpp"

#include <algorithm>
#include <cmath>

#include "client/cmvn.hpp"
#include "client/feature_names.hpp"
#include "client/golden.hpp"
#include "client/recipes.hpp"

namespace melstream::client {
namespace {

void check_allowed(const FeaturePlan& plan, const v1::FrontEndInfo& front_end) {
  if (plan.smoothing != v1::SMOOTHING_NONE && !front_end.allows_smoothing()) {
    throw ClientError(ExitCode::kUsage, "front end '" + front_end.name() + "' has no smoothing: leave --smoothing out");
  }
  const auto& allowed = front_end.normalizations();
  if (plan.normalization == v1::NORMALIZATION_NONE || allowed.empty() ||
      std::find(allowed.begin(), allowed.end(), plan.normalization) != allowed.end()) {
    return;
  }
  std::string known;
  for (const int value : allowed) {
    known += (known.empty() ? "" : ", ") + std::string(normalization_name(static_cast<v1::Normalization>(value)));
  }
  throw ClientError(ExitCode::kUsage, "front end '" + front_end.name() + "' does not take the normalization " +
                                          normalization_name(plan.normalization) + "; it takes " + known);
}

void add_cmvn(const std::string& path, const v1::FrontEndInfo& front_end, v1::FeatureRequest& request) {
  const CmvnVectors cmvn = read_cmvn(path);
  if (static_cast<int>(cmvn.shift.size()) != front_end.bins()) {
    throw ClientError(ExitCode::kInput, path + ": has " + std::to_string(cmvn.shift.size()) + " values; front end '" +
                                            front_end.name() + "' has " + std::to_string(front_end.bins()) + " bins");
  }
  request.mutable_cmvn()->mutable_shift()->Add(cmvn.shift.begin(), cmvn.shift.end());
  request.mutable_cmvn()->mutable_scale()->Add(cmvn.scale.begin(), cmvn.scale.end());
}

}  // namespace

bool is_window_normalization(v1::Normalization normalization) noexcept {
  return normalization == v1::NORMALIZATION_WHISPER_WINDOW || normalization == v1::NORMALIZATION_PER_FEATURE_WINDOW;
}

FeaturePlan plan_features(const FeatureOptions& options) {
  FeaturePlan plan;
  plan.front_end = resolve_front_end(options.front_end);
  if (const Recipe* recipe = find_recipe(options.front_end); recipe != nullptr) {
    plan.smoothing = recipe->smoothing;
    plan.normalization = recipe->normalization;
    plan.pad_to_seconds = recipe->pad_to_seconds;
    plan.golden_cmvn = recipe->cmvn && options.cmvn_path.empty();
  }
  plan.cmvn_path = options.cmvn_path;
  if (!options.smoothing.empty()) plan.smoothing = parse_smoothing(options.smoothing);
  if (!options.normalization.empty()) {
    plan.normalization = parse_normalization(options.normalization);
  } else if (options.has_fixed_max) {
    plan.normalization = v1::NORMALIZATION_FIXED_MAX;
  }
  const bool fixed = plan.normalization == v1::NORMALIZATION_FIXED_MAX;
  if (fixed != options.has_fixed_max) {
    throw ClientError(ExitCode::kUsage, fixed ? "the normalization fixed_max needs --fixed-max X, log10 of mel energy"
                                              : "--fixed-max belongs to the normalization fixed_max");
  }
  if (fixed) {
    if (!std::isfinite(options.fixed_max)) throw ClientError(ExitCode::kUsage, "--fixed-max must be a number");
    plan.fixed_max = static_cast<float>(options.fixed_max);
  }
  return plan;
}

v1::FeatureRequest make_feature_request(const FeaturePlan& plan, const v1::FrontEndInfo& front_end, bool window,
                                        const std::string& golden_folder) {
  check_allowed(plan, front_end);
  v1::FeatureRequest request;
  request.set_front_end(front_end.name());
  // Pinned: the numbers are those of the definition that was checked here. CMVN is part of a definition and makes
  // another one of it, whose hash comes with the subscription's start.
  if (!plan.golden_cmvn && plan.cmvn_path.empty()) request.set_spec_sha256(front_end.spec_sha256());
  request.set_smoothing(plan.smoothing);
  request.set_normalization(is_window_normalization(plan.normalization) && !window ? v1::NORMALIZATION_NONE
                                                                                   : plan.normalization);
  if (plan.fixed_max) request.set_fixed_max(*plan.fixed_max);
  request.set_element_type(v1::ELEMENT_TYPE_FLOAT32);
  request.set_layout(v1::LAYOUT_TIME_MAJOR);
  if (plan.golden_cmvn) {
    add_cmvn(find_golden_folder(golden_folder) + "/cmvn/am.mvn", front_end, request);
  } else if (!plan.cmvn_path.empty()) {
    add_cmvn(plan.cmvn_path, front_end, request);
  }
  return request;
}

}  // namespace melstream::client
