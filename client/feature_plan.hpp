// From the options of a command to a request of the daemon: golden names resolved, values checked before anything is
// sent.
#pragma once

#include <optional>
#include <string>

#include "melstream/v1/feature_service.pb.h"

#include "client/commands.hpp"

namespace melstream::client {

struct FeaturePlan {
  std::string front_end;  ///< as the daemon names it
  v1::Smoothing smoothing = v1::SMOOTHING_NONE;
  v1::Normalization normalization = v1::NORMALIZATION_NONE;
  std::optional<float> fixed_max;
  double pad_to_seconds = 0;  ///< of a golden name; 0: none
  std::string cmvn_path;
  bool golden_cmvn = false;  ///< the golden set's, since the name says so and no other was given
};

/// An option that was given wins over what a golden name means. Throws ClientError(kUsage).
FeaturePlan plan_features(const FeatureOptions& options);

/// Whether a normalization needs the whole window: GetWindow has it, Subscribe does not.
bool is_window_normalization(v1::Normalization normalization) noexcept;

/// The request without normalizations that the client computes itself. Throws ClientError(kUsage) for what the front
/// end does not allow, ClientError(kInput) for a bad CMVN file.
/// @param window true for GetWindow.
/// @param golden_folder where the golden CMVN is sought; empty: find_golden_folder().
v1::FeatureRequest make_feature_request(const FeaturePlan& plan, const v1::FrontEndInfo& front_end, bool window,
                                        const std::string& golden_folder = {});

}  // namespace melstream::client
