// Which device a name in a URI means. A pure function.
#pragma once

#include <string_view>
#include <vector>

#include "melstream/core/sources.hpp"

namespace melstream::audio {

/// "default": the default device. Else the first of exactly this name, else the only one whose name has `name` in it,
/// upper and lower case alike. Throws DeviceError(kNotFound) with the names that there are.
const core::AudioDevice& device_named(std::string_view name, const std::vector<core::AudioDevice>& devices);

}  // namespace melstream::audio
