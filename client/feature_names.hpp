// The words of the command line for what proto/melstream/v1/types.proto numbers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "melstream/v1/types.pb.h"

namespace melstream::client {

/// "none", "box3x3", "box3x3-valid"; '_' stands for '-' too. Throws ClientError(kUsage), which lists them.
v1::Smoothing parse_smoothing(std::string_view text);
/// "none", "running_max", "fixed_max", "whisper_window", "per_feature_window"; '-' stands for '_' too.
v1::Normalization parse_normalization(std::string_view text);
/// "f32" or "f16".
v1::ElementType parse_element_type(std::string_view text);

const char* smoothing_name(v1::Smoothing smoothing) noexcept;
const char* normalization_name(v1::Normalization normalization) noexcept;
/// "CAPTURE_OVERFLOW", "NET_LOSS", ...: the enumerator without its prefix.
std::string gap_reason_name(v1::GapReason reason);
std::string end_reason_name(v1::EndReason reason);

/// The candidate that `text` was most likely meant to be; empty if none is close.
std::string nearest(std::string_view text, const std::vector<std::string>& candidates);

}  // namespace melstream::client
