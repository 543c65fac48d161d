// What toml++ must not see. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "daemon/toml_tree.hpp"

namespace melstream::daemon {

/// The first character beyond ASCII that stands neither in a text nor in a comment, where TOML has none: there the
/// character tables of toml++ 3.3 run into undefined behaviour. A byte order mark at the start is allowed.
std::optional<Position> first_stray_character(std::string_view text);

}  // namespace melstream::daemon
