// What of a config's [server], [tls], [auth] and [limits] spans several keys. Control threads.
#pragma once

#include <vector>

#include "daemon/config.hpp"
#include "daemon/diagnostics.hpp"
#include "daemon/toml_tree.hpp"

namespace melstream::daemon {

/// Addresses and paths: well formed, each once, and none beyond this machine in the clear unless it is allowed.
void check_listeners(const TomlValue& root, const Config& config, std::vector<Diagnostic>& complaints);

/// Roles, and that TLS has its files and somebody who could come in. After identities were read.
void check_access(const TomlValue& root, const Config& config, std::vector<Diagnostic>& complaints);

}  // namespace melstream::daemon
