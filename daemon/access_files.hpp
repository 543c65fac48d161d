// From a config to access rules and certificates: reads the files that it names. Control threads.
#pragma once

#include <optional>
#include <string>

#include "melstream/access/access_rules.hpp"
#include "melstream/access/certificates.hpp"
#include "melstream/core/error.hpp"

#include "daemon/config.hpp"
#include "daemon/exit_codes.hpp"

namespace melstream::daemon {

/// A file of [auth] or [tls] that cannot be used. The message names it, and says what to do.
class AccessFileError : public core::Error {
 public:
  explicit AccessFileError(const core::Error& cause, const std::string& key);
  /// 77 for permissions and modes, 78 for anything else.
  ExitCode exit_code() const noexcept;
};

/// Throws AccessFileError.
access::AccessRules access_rules(const Config& config);
/// Nothing without server.listen_tls. Throws AccessFileError.
std::optional<access::Certificates> tls_certificates(const Config& config);
/// Changes when one of the files does. Take it before they are read: what is replaced in between is seen as new then.
std::string stamp_of_certificates(const Config& config);
/// auth.anonymous_roles.
access::RoleSet anonymous_roles(const AuthConfig& config);

}  // namespace melstream::daemon
