// The known name that a mistyped one is closest to, for error messages.
#pragma once

#include <span>
#include <string_view>

namespace melstream::engine {

/// @return the candidate at the smallest edit distance (insert, delete, replace: 1 each), the first of equals; empty
/// if there are none or the nearest differs in more than half of the longer name's characters.
std::string_view nearest_name(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace melstream::engine
