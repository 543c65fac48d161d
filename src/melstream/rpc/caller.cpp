#include "melstream/rpc/caller.hpp"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include <grpc/grpc_security_constants.h>

#include "melstream/core/error.hpp"
#include "melstream/rpc/bearer_token.hpp"
#include "melstream/rpc/listener_credentials.hpp"

namespace melstream::rpc {
namespace {

/// "ipv4:127.0.0.1:5" and "ipv6:%5B::1%5D:5" without scheme, brackets and port; empty for "unix:".
std::string address_of(std::string_view peer) {
  const std::size_t scheme = peer.find(':');
  const std::size_t port = peer.rfind(':');
  if (scheme == std::string_view::npos || port == scheme || peer.rfind("ip", 0) != 0) return {};
  std::string_view host = peer.substr(scheme + 1, port - scheme - 1);
  if (host.rfind("%5B", 0) == 0) host.remove_prefix(3);
  if (const std::size_t end = host.rfind("%5D"); end != std::string_view::npos) host = host.substr(0, end);
  return std::string(host);
}

/// "ENTRANCE.CONNECTION", as the listener's credentials wrote it.
void read_mark(std::string_view mark, access::Caller& caller) {
  const std::size_t dot = mark.find('.');
  if (dot == std::string_view::npos) return;
  std::from_chars(mark.data(), mark.data() + dot, caller.entrance);
  std::from_chars(mark.data() + dot + 1, mark.data() + mark.size(), caller.connection);
}

std::optional<std::string> token_of(const grpc::ServerContextBase& context) {
  const auto found = context.client_metadata().find("authorization");
  if (found == context.client_metadata().end()) return std::nullopt;
  return bearer_token({found->second.data(), found->second.length()});
}

std::string_view reason_of(core::ErrorCode code) {
  switch (code) {
    case core::ErrorCode::kUnauthenticated:
      return "unauthenticated";
    case core::ErrorCode::kPermissionDenied:
      return "permission";
    default:
      return "limit";
  }
}

/// Nothing for limits.
std::optional<AuthFailure> failure_of(core::ErrorCode code, const access::Caller& caller) {
  if (code == core::ErrorCode::kPermissionDenied) return AuthFailure::kForbidden;
  if (code != core::ErrorCode::kUnauthenticated) return std::nullopt;
  if (caller.token) return AuthFailure::kBadToken;
  return caller.uris.empty() && caller.common_name.empty() ? AuthFailure::kNoIdentity : AuthFailure::kBadCertificate;
}

}  // namespace

access::Caller caller_of(const grpc::ServerContextBase& context) {
  access::Caller caller;
  caller.address = address_of(context.peer());
  caller.token = token_of(context);
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  if (!auth) return caller;
  for (const grpc::string_ref& mark : auth->FindPropertyValues(kListenerProperty)) {
    read_mark({mark.data(), mark.length()}, caller);
  }
  if (!auth->IsPeerAuthenticated()) return caller;
  for (const grpc::string_ref& uri : auth->FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME)) {
    caller.uris.emplace_back(uri.data(), uri.length());
  }
  for (const grpc::string_ref& name : auth->FindPropertyValues(GRPC_X509_CN_PROPERTY_NAME)) {
    caller.common_name.assign(name.data(), name.length());
  }
  return caller;
}

std::shared_ptr<access::Grant> admit(const Environment& environment, const grpc::ServerContextBase& context,
                                     access::Access::Kind kind) {
  const access::Caller caller = caller_of(context);
  try {
    return environment.access->admit(caller, kind);
  } catch (const core::Error& error) {
    if (const auto failure = failure_of(error.code(), caller)) environment.stats->auth_failed(*failure);
    if (environment.parts.on_refusal) {
      environment.parts.on_refusal(
          {.reason = reason_of(error.code()), .peer = context.peer(), .message = error.what()});
    }
    throw;
  }
}

grpc::Status revoked_status(const Environment& environment) {
  environment.stats->auth_failed(AuthFailure::kRevoked);
  return {grpc::StatusCode::UNAUTHENTICATED, "the daemon's operator has changed or withdrawn this access; ask for it"};
}

}  // namespace melstream::rpc
