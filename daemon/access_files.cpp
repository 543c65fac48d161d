#include "daemon/access_files.hpp"

#include <ctime>
#include <vector>

#include "melstream/access/tokens.hpp"

namespace melstream::daemon {
namespace {

access::CertificateFiles certificate_files(const TlsConfig& config) {
  return {.certificate = config.certificate, .key = config.key, .client_ca = config.client_ca};
}

}  // namespace

AccessFileError::AccessFileError(const core::Error& cause, const std::string& key)
    : Error(cause.code(), key + ": " + cause.what(), key) {}

ExitCode AccessFileError::exit_code() const noexcept {
  return code() == core::ErrorCode::kPermissionDenied ? ExitCode::kPermission : ExitCode::kConfig;
}

access::RoleSet anonymous_roles(const AuthConfig& config) {
  access::RoleSet roles;
  for (const std::string& name : config.anonymous_roles) {
    if (const auto role = access::parse_role(name)) roles.add(*role);
  }
  return roles;
}

access::AccessRules access_rules(const Config& config) {
  access::AccessRules rules;
  rules.identities = config.identities;
  rules.limits = {.max_connections = static_cast<std::int32_t>(config.limits.connections_per_identity),
                  .max_streams = static_cast<std::int32_t>(config.limits.streams_per_identity),
                  .max_subscriptions = static_cast<std::int32_t>(config.limits.subscriptions_per_identity),
                  .subscriptions_per_s = config.limits.subscriptions_per_second};
  if (config.auth.tokens.empty()) return rules;
  std::vector<std::string> names;
  for (const access::Identity& identity : config.identities) names.push_back(identity.name);
  try {
    rules.tokens = access::read_tokens(config.auth.tokens, names);
  } catch (const core::Error& error) {
    throw AccessFileError(error, "auth.tokens");
  }
  return rules;
}

std::string stamp_of_certificates(const Config& config) { return access::stamp_of(certificate_files(config.tls)); }

std::optional<access::Certificates> tls_certificates(const Config& config) {
  if (config.server.listen_tls.empty()) return std::nullopt;
  try {
    return access::read_certificates(certificate_files(config.tls), std::time(nullptr));
  } catch (const core::Error& error) {
    throw AccessFileError(error, "tls");
  }
}

}  // namespace melstream::daemon
