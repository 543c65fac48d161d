// Patterns of stream ids: '*' is any run of characters, '?' any one, all else itself. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace melstream::access {

/// Time: length of pattern times length of text at most.
bool matches_glob(std::string_view pattern, std::string_view text) noexcept;
bool matches_any(std::span<const std::string> patterns, std::string_view text) noexcept;
/// Only characters of stream ids, '*' and '?', 1 to 64 of them.
bool is_glob(std::string_view pattern) noexcept;

}  // namespace melstream::access
