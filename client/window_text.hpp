// A window's answer as a matrix, as JSON and in words.
#pragma once

#include <string>

#include "melstream/v1/feature_service.pb.h"

#include "client/matrix.hpp"

namespace melstream::client {

/// Throws ClientError(kFailure) if the values are not as many as they should be. Needs FLOAT32, TIME_MAJOR.
FeatureMatrix window_matrix(const v1::GetWindowResponse& response);
/// @param out_path where the values lie; empty: they are in the text.
std::string window_json(const std::string& stream, const v1::SampleRange& range, const v1::GetWindowResponse& response,
                        const FeatureMatrix& matrix, const std::string& out_path);
/// ", 320 samples concealed, 160 of suppressed silence", or nothing.
std::string window_notes(const v1::GetWindowResponse& response);

}  // namespace melstream::client
