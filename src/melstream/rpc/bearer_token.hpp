// The header `authorization: Bearer TOKEN`.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace melstream::rpc {

/// Empty for another scheme: that is no token that could be known.
inline std::string bearer_token(std::string_view header) {
  constexpr std::string_view kScheme = "bearer ";
  const bool is_bearer = header.size() > kScheme.size() &&
                         std::equal(kScheme.begin(), kScheme.end(), header.begin(), [](char want, char got) {
                           return want == (got >= 'A' && got <= 'Z' ? static_cast<char>(got - 'A' + 'a') : got);
                         });
  return std::string(is_bearer ? header.substr(kScheme.size()) : std::string_view());
}

}  // namespace melstream::rpc
