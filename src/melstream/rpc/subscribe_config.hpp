// The config of a Subscribe call as the pipeline takes it.
#pragma once

#include "melstream/pipeline/subscription.hpp"
#include "melstream/rpc/feature_choice.hpp"
#include "melstream/rpc/resume_token.hpp"
#include "melstream/v1/feature_service.pb.h"

namespace melstream::rpc {

/// All but the stream, and where to begin if a token says it. Throws Error(kInvalidArgument) with the field.
pipeline::SubscriptionOptions to_options(const v1::SubscribeConfig& config, const FeatureChoice& features);
/// That place.
pipeline::StartAt start_at(const ResumePoint& point);
/// Throws Error(kInvalidArgument): neither or both of stream and streams, or what only the other takes.
void validate(const v1::SubscribeConfig& config);

}  // namespace melstream::rpc
