// [[identity]] tables: who may do what. Control threads.
#pragma once

#include <string>
#include <vector>

#include "melstream/access/access_rules.hpp"

#include "daemon/diagnostics.hpp"
#include "daemon/toml_tree.hpp"

namespace melstream::daemon {

std::vector<access::Identity> read_identities(const TomlValue& root, std::vector<Diagnostic>& complaints);

/// As [[identity]] tables that read back to the same value.
std::string identities_to_toml(const std::vector<access::Identity>& identities);

}  // namespace melstream::daemon
