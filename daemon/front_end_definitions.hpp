// The [[front_end]] tables of a config: a base, and the fields in which the new front end differs. Control threads.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "melstream/engine/front_end.hpp"

#include "daemon/config.hpp"
#include "daemon/diagnostics.hpp"
#include "daemon/toml_tree.hpp"

namespace melstream::daemon {

/// The tables of an array of tables [[key]]; adds a complaint, and returns none, if it is something else.
std::vector<const TomlValue*> tables_of(const TomlValue& root, std::string_view key,
                                        std::vector<Diagnostic>& complaints);

/// Reads all definitions and adds the good ones to the catalog; a base may be one that was defined before it.
/// @param names gets the names of all, those with mistakes included.
std::vector<FrontEndDefinition> read_front_ends(const TomlValue& root, engine::FrontEndCatalog& catalog,
                                                std::vector<std::string>& names, std::vector<Diagnostic>& complaints);

}  // namespace melstream::daemon
