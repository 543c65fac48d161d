// [[source]] tables. Control threads.
#pragma once

#include <string>
#include <vector>

#include "melstream/core/sources.hpp"

#include "daemon/diagnostics.hpp"
#include "daemon/toml_tree.hpp"

namespace melstream::daemon {

/// Reads all definitions. Keys besides id, uri and labels are parameters of the URI, and are added to it.
/// @param allow_insecure_bind sockets may be bound beyond loopback.
std::vector<core::SourceSpec> read_sources(const TomlValue& root, bool allow_insecure_bind,
                                           std::vector<Diagnostic>& complaints);

/// As [[source]] tables that read back to the same value.
std::string sources_to_toml(const std::vector<core::SourceSpec>& sources);

}  // namespace melstream::daemon
