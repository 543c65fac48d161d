// The known name that a mistyped one is closest to, for error messages.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace melstream::core {

/// @return the candidate at the smallest edit distance (insert, delete, replace: 1 each), the first of equals; if the
/// nearest differs in more than half of the longer name's characters, the only one that begins with the name (of three
/// characters or more); else empty.
std::string_view nearest_name(std::string_view name, std::span<const std::string_view> candidates);

/// " (did you mean 'NAME'?)"; empty if none is near.
std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace melstream::core
