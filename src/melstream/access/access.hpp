// Judges callers: who is it, may they, is it not too much. Rules can be replaced while calls run: grants of what is no
// longer so are revoked. Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "melstream/access/access_rules.hpp"
#include "melstream/access/usage.hpp"
#include "melstream/core/clock.hpp"

namespace melstream::access {

/// Where callers come in, and what one may do there who shows nothing.
struct Entrance {
  RoleSet anonymous;
  bool local = true;  ///< only this machine reaches it: no limits for those who show nothing
  bool operator==(const Entrance&) const = default;
};

/// What a call shows of its caller.
struct Caller {
  std::size_t entrance = 0;
  std::uint64_t connection = 0;      ///< its number
  std::string address;               ///< of the peer, without port; empty: a unix socket
  std::optional<std::string> token;  ///< of the metadata `authorization: Bearer TOKEN`
  std::vector<std::string> uris;     ///< of its certificate, which was verified
  std::string common_name;           ///< of its certificate
};

/// Who a caller turned out to be. Shared by all of their calls; those of replaced rules stay until their calls end.
struct Credential {
  Identity identity;
  Sha256 token{};       ///< of its own; zeros: by certificate, or nobody's
  RoleSet anonymous;    ///< what it stands for if it is nobody's
  bool nobody = false;  ///< showed nothing
  std::atomic<bool> revoked{false};
};

/// Streams that one grant publishes; they count while it lives. Move-only.
class StreamShare {
 public:
  StreamShare() = default;
  /// @param usage null: not limited. Throws Error(kResourceExhausted).
  StreamShare(std::shared_ptr<Usage> usage, std::int32_t n);
  StreamShare(StreamShare&& other) noexcept : usage_(std::move(other.usage_)), n_(other.n_) {}
  StreamShare& operator=(StreamShare&&) = delete;
  ~StreamShare();

 private:
  std::shared_ptr<Usage> usage_;
  std::int32_t n_ = 0;
};

/// Told of each refusal by a glob: whose, and what was refused. Any thread.
using OnForbidden = std::function<void(const std::string& identity, const std::string& message)>;

/// A call that was admitted. While it lives, it counts. Thread-safe.
class Grant {
 public:
  /// @param on_forbidden outlives the grant.
  Grant(std::shared_ptr<const Credential> credential, std::shared_ptr<Usage> usage, std::uint64_t connection,
        bool is_subscription, const OnForbidden& on_forbidden);
  Grant(const Grant&) = delete;
  Grant& operator=(const Grant&) = delete;
  ~Grant();

  /// Whether its roles reach this stream.
  bool reaches(std::string_view stream) const;
  /// Whether they reach every stream there can be.
  bool reaches_all() const;
  /// Throws Error(kPermissionDenied, "stream") if they do not.
  void require(std::string_view stream) const;
  /// For `n` streams that it publishes. Throws Error(kResourceExhausted).
  StreamShare publish(std::int32_t n) const { return {usage_, n}; }
  /// The call must end: its token, identity or role is no more.
  bool revoked() const noexcept { return credential_->revoked.load(std::memory_order_acquire); }
  /// For lists and logs; "anonymous" for one who showed nothing.
  const std::string& identity() const noexcept { return credential_->identity.name; }

 private:
  const std::shared_ptr<const Credential> credential_;
  const std::shared_ptr<Usage> usage_;  ///< null: not limited
  const std::uint64_t connection_;
  const bool is_subscription_;
  const OnForbidden& on_forbidden_;
};

class Access {
 public:
  /// What a call is for.
  enum class Kind : std::uint8_t {
    kPublish,    ///< publisher
    kSubscribe,  ///< subscriber; lasts, and counts as a subscription
    kRead,       ///< subscriber
    kAdmin,      ///< admin
    kAny,        ///< any role
  };

  /// @param clock outlives this.
  Access(
      AccessRules rules, std::vector<Entrance> entrances, const core::Clock& clock,
      OnForbidden on_forbidden = [](const std::string&, const std::string&) {});

  /// Throws Error: kUnauthenticated (nothing shown where something must be, or an unknown token), kPermissionDenied (no
  /// such role), kResourceExhausted (limits).
  std::shared_ptr<Grant> admit(const Caller& caller, Kind kind);
  /// Whether the caller has any role, without counting anything.
  bool knows(const Caller& caller) const;
  /// Grants of identities, tokens and entrances that are not in the new ones, or differ, are revoked at once.
  void replace(AccessRules rules, std::vector<Entrance> entrances);

 private:
  using CredentialPtr = std::shared_ptr<Credential>;
  struct Policy {
    AccessRules rules;
    std::vector<Entrance> entrances;
    std::vector<CredentialPtr> by_token;     ///< as rules.tokens
    std::vector<CredentialPtr> by_identity;  ///< as rules.identities: for certificates
    std::vector<CredentialPtr> by_entrance;  ///< as entrances: nobody's
  };

  static Policy make_policy(AccessRules rules, std::vector<Entrance> entrances, const Policy& before);
  /// Needs mutex_. Throws Error(kUnauthenticated).
  CredentialPtr identify(const Caller& caller) const;
  CredentialPtr by_certificate(const Caller& caller) const;
  /// Null: not limited. Needs mutex_.
  std::shared_ptr<Usage> usage_of(const Caller& caller, const Credential& credential, std::int64_t now_mono_ns);
  void forget_idle(std::int64_t now_mono_ns);

  const core::Clock& clock_;
  const OnForbidden on_forbidden_;
  mutable std::mutex mutex_;  // protects all below
  Policy policy_;
  std::map<std::string, std::shared_ptr<Usage>> usages_;  ///< by "identity NAME" and "address A"
};

}  // namespace melstream::access
