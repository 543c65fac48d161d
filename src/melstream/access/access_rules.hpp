// Who may do what, as the config says it. A value: Access judges by it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "melstream/access/role.hpp"

namespace melstream::access {

using Sha256 = std::array<std::uint8_t, 32>;

/// Someone who proves who they are: by a token, or by a certificate.
struct Identity {
  std::string name;
  RoleSet roles;
  std::vector<std::string> streams{"*"};  ///< globs of the ids that these roles reach
  std::vector<std::string> uris;          ///< of a client certificate's subject alternative names
  std::vector<std::string> common_names;  ///< of a client certificate
  bool operator==(const Identity&) const = default;
};

/// A bearer token of an identity. The token itself is nowhere.
struct TokenHash {
  std::string identity;
  Sha256 sha256{};
  bool operator==(const TokenHash&) const = default;
};

/// Of each identity, and of each address beyond this machine that shows none. 0: no limit.
struct IdentityLimits {
  std::int32_t max_connections = 0;    ///< with calls
  std::int32_t max_streams = 0;        ///< published at once
  std::int32_t max_subscriptions = 0;  ///< calls of Subscribe, GetWindows and WatchStreams at once
  double subscriptions_per_s = 0;      ///< new ones, after a burst of five seconds' worth
  bool operator==(const IdentityLimits&) const = default;
};

struct AccessRules {
  std::vector<Identity> identities;
  std::vector<TokenHash> tokens;
  IdentityLimits limits;
  bool operator==(const AccessRules&) const = default;
};

}  // namespace melstream::access
