#include "melstream/access/access.hpp"

#include <algorithm>

#include "melstream/access/glob.hpp"
#include "melstream/access/tokens.hpp"
#include "melstream/core/error.hpp"

namespace melstream::access {
namespace {

using core::Error;
using core::ErrorCode;

constexpr std::size_t kManyUsages = 1'024;

bool allows(RoleSet roles, Access::Kind kind) noexcept {
  switch (kind) {
    case Access::Kind::kPublish:
      return roles.has(Role::kPublisher);
    case Access::Kind::kSubscribe:
    case Access::Kind::kRead:
      return roles.has(Role::kSubscriber);
    case Access::Kind::kAdmin:
      return roles.has(Role::kAdmin);
    case Access::Kind::kAny:
      return !roles.empty();
  }
  return false;
}

std::string_view role_wanted(Access::Kind kind) noexcept {
  switch (kind) {
    case Access::Kind::kPublish:
      return "publisher";
    case Access::Kind::kAdmin:
      return "admin";
    default:
      return "subscriber";
  }
}

bool contains(const std::vector<std::string>& texts, const std::string& text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

}  // namespace

Grant::Grant(std::shared_ptr<const Credential> credential, std::shared_ptr<Usage> usage, std::uint64_t connection,
             bool is_subscription, const OnForbidden& on_forbidden)
    : credential_(std::move(credential)),
      usage_(std::move(usage)),
      connection_(connection),
      is_subscription_(is_subscription),
      on_forbidden_(on_forbidden) {}

Grant::~Grant() {
  if (usage_) usage_->end_call(connection_, is_subscription_);
}

bool Grant::reaches(std::string_view stream) const {
  return credential_->nobody || matches_any(credential_->identity.streams, stream);
}

bool Grant::reaches_all() const { return credential_->nobody || contains(credential_->identity.streams, "*"); }

void Grant::require(std::string_view stream) const {
  if (reaches(stream)) return;
  const std::string message = "identity '" + identity() + "' has no access to stream '" + std::string(stream) +
                              "'; its [[identity]] in the daemon's config lists which it has";
  on_forbidden_(identity(), message);
  throw Error(ErrorCode::kPermissionDenied, message, "stream");
}

StreamShare::StreamShare(std::shared_ptr<Usage> usage, std::int32_t n) : usage_(std::move(usage)), n_(n) {
  if (usage_) usage_->begin_streams(n_);
}

StreamShare::~StreamShare() {
  if (usage_) usage_->end_streams(n_);
}

Access::Access(AccessRules rules, std::vector<Entrance> entrances, const core::Clock& clock, OnForbidden on_forbidden)
    : clock_(clock),
      on_forbidden_(std::move(on_forbidden)),
      policy_(make_policy(std::move(rules), std::move(entrances), Policy{})) {}

Access::Policy Access::make_policy(AccessRules rules, std::vector<Entrance> entrances, const Policy& before) {
  Policy policy{.rules = std::move(rules),
                .entrances = std::move(entrances),
                .by_token = {},
                .by_identity = {},
                .by_entrance = {}};
  const auto find_identity = [&](const std::string& name) {
    return std::find_if(policy.rules.identities.begin(), policy.rules.identities.end(),
                        [&](const Identity& one) { return one.name == name; });
  };
  const auto keep_or_make = [](const std::vector<CredentialPtr>& old, const Identity& identity, const Sha256& token) {
    const auto same = std::find_if(old.begin(), old.end(), [&](const CredentialPtr& one) {
      return one->identity == identity && one->token == token;
    });
    if (same != old.end()) return *same;
    auto credential = std::make_shared<Credential>();
    credential->identity = identity;
    credential->token = token;
    return credential;
  };
  for (const Identity& identity : policy.rules.identities) {
    policy.by_identity.push_back(keep_or_make(before.by_identity, identity, {}));
  }
  for (const TokenHash& token : policy.rules.tokens) {
    const auto identity = find_identity(token.identity);
    // The config's reader lets no other through.
    if (identity == policy.rules.identities.end()) {
      throw Error(ErrorCode::kInvalidArgument, "a token of '" + token.identity + "', which is no identity");
    }
    policy.by_token.push_back(keep_or_make(before.by_token, *identity, token.sha256));
  }
  for (std::size_t i = 0; i < policy.entrances.size(); ++i) {
    const Entrance& entrance = policy.entrances[i];
    if (i < before.entrances.size() && before.entrances[i] == entrance) {
      policy.by_entrance.push_back(before.by_entrance[i]);
      continue;
    }
    auto credential = std::make_shared<Credential>();
    credential->identity = {.name = "anonymous", .roles = entrance.anonymous};
    credential->nobody = true;
    policy.by_entrance.push_back(std::move(credential));
  }
  return policy;
}

void Access::replace(AccessRules rules, std::vector<Entrance> entrances) {
  const std::lock_guard lock(mutex_);
  Policy next = make_policy(std::move(rules), std::move(entrances), policy_);
  const auto revoke = [](const std::vector<CredentialPtr>& old, const std::vector<CredentialPtr>& now) {
    for (const CredentialPtr& one : old) {
      if (std::find(now.begin(), now.end(), one) == now.end()) one->revoked.store(true, std::memory_order_release);
    }
  };
  revoke(policy_.by_token, next.by_token);
  revoke(policy_.by_identity, next.by_identity);
  revoke(policy_.by_entrance, next.by_entrance);
  policy_ = std::move(next);
  for (const auto& [name, usage] : usages_) usage->set_limits(policy_.rules.limits, clock_.mono_ns());
}

std::shared_ptr<Grant> Access::admit(const Caller& caller, Kind kind) {
  const std::int64_t now_mono_ns = clock_.mono_ns();
  const bool is_subscription = kind == Kind::kSubscribe;
  std::shared_ptr<Credential> credential;
  std::shared_ptr<Usage> usage;
  {
    const std::lock_guard lock(mutex_);
    credential = identify(caller);
    if (allows(credential->identity.roles, kind)) usage = usage_of(caller, *credential, now_mono_ns);
  }
  if (!allows(credential->identity.roles, kind)) {
    if (credential->nobody && credential->identity.roles.empty()) {
      throw Error(
          ErrorCode::kUnauthenticated,
          "show a token (metadata `authorization: Bearer TOKEN`) or a client certificate that the daemon knows");
    }
    throw Error(ErrorCode::kPermissionDenied, (credential->nobody ? std::string("who shows no token here")
                                                                  : "identity '" + credential->identity.name + "'") +
                                                  " has the roles: " + credential->identity.roles.text() +
                                                  "; this needs the role " + std::string(role_wanted(kind)));
  }
  if (usage) usage->begin_call(caller.connection, is_subscription, now_mono_ns);
  return std::make_shared<Grant>(std::move(credential), std::move(usage), caller.connection, is_subscription,
                                 on_forbidden_);
}

bool Access::knows(const Caller& caller) const {
  const std::lock_guard lock(mutex_);
  if (caller.token) return find_token(policy_.rules.tokens, *caller.token).has_value();
  const CredentialPtr by_cert = by_certificate(caller);
  return by_cert != nullptr || !policy_.entrances.at(caller.entrance).anonymous.empty();
}

Access::CredentialPtr Access::identify(const Caller& caller) const {
  if (caller.token) {
    const auto found = find_token(policy_.rules.tokens, *caller.token);
    // Also where one without any token would be let in: whoever shows one wants to be known.
    if (!found)
      throw Error(ErrorCode::kUnauthenticated, "this token is not known (any more); ask the daemon's operator");
    return policy_.by_token[*found];
  }
  if (CredentialPtr by_cert = by_certificate(caller)) return by_cert;
  return policy_.by_entrance.at(caller.entrance);
}

Access::CredentialPtr Access::by_certificate(const Caller& caller) const {
  for (const CredentialPtr& one : policy_.by_identity) {
    const bool by_uri = std::any_of(caller.uris.begin(), caller.uris.end(),
                                    [&](const std::string& uri) { return contains(one->identity.uris, uri); });
    const bool by_name = !caller.common_name.empty() && contains(one->identity.common_names, caller.common_name);
    if (by_uri || by_name) return one;
  }
  return nullptr;
}

std::shared_ptr<Usage> Access::usage_of(const Caller& caller, const Credential& credential, std::int64_t now_mono_ns) {
  if (credential.nobody && policy_.entrances.at(caller.entrance).local) return nullptr;
  const std::string name =
      credential.nobody ? "address " + caller.address : "identity '" + credential.identity.name + "'";
  if (const auto found = usages_.find(name); found != usages_.end()) return found->second;
  if (usages_.size() >= kManyUsages) forget_idle(now_mono_ns);
  auto usage = std::make_shared<Usage>(name, policy_.rules.limits, now_mono_ns);
  usages_.emplace(name, usage);
  return usage;
}

void Access::forget_idle(std::int64_t now_mono_ns) {
  std::erase_if(usages_, [&](const auto& entry) {
    // Nobody is about to count in it: that takes a copy, made under mutex_.
    return entry.second.use_count() == 1 && entry.second->idle(now_mono_ns);
  });
}

}  // namespace melstream::access
