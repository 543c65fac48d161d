#include "melstream/access/access.hpp"

#include <gtest/gtest.h>

#include "melstream/access/tokens.hpp"
#include "melstream/core/error.hpp"

#include "tests/support/manual_clock.hpp"

namespace melstream::access {
namespace {

using Kind = Access::Kind;
using core::ErrorCode;

constexpr std::size_t kLocal = 0;
constexpr std::size_t kFar = 1;
constexpr std::size_t kTls = 2;

AccessRules some_rules() {
  AccessRules rules;
  rules.identities = {
      {.name = "desk", .roles = {Role::kPublisher}, .streams = {"desk-*"}},
      {.name = "asr", .roles = {Role::kSubscriber}, .uris = {"spiffe://example.org/asr"}, .common_names = {"asr-1"}},
  };
  rules.tokens = {{"desk", sha256_of("token-of-desk")}, {"asr", sha256_of("token-of-asr")}};
  return rules;
}

std::vector<Entrance> some_entrances() {
  return {{.anonymous = RoleSet::all()},
          {.anonymous = {Role::kPublisher, Role::kSubscriber}, .local = false},
          {.anonymous = {}, .local = false}};
}

class AccessTest : public ::testing::Test {
 protected:
  ErrorCode code_of(const Caller& caller, Kind kind) {
    try {
      access_.admit(caller, kind);
    } catch (const core::Error& error) {
      message_ = error.what();
      return error.code();
    }
    return ErrorCode::kInternal;  // none
  }
  static Caller with_token(std::size_t entrance, const std::string& token) {
    Caller caller;
    caller.entrance = entrance;
    caller.token = token;
    return caller;
  }

  test::ManualClock clock_;
  Access access_{some_rules(), some_entrances(), clock_};
  std::string message_;
};

constexpr ErrorCode kAdmitted = ErrorCode::kInternal;

TEST_F(AccessTest, NobodyHasTheRolesOfTheEntrance) {
  EXPECT_EQ(code_of({.entrance = kLocal}, Kind::kAdmin), kAdmitted);
  EXPECT_EQ(code_of({.entrance = kFar}, Kind::kPublish), kAdmitted);
  EXPECT_EQ(code_of({.entrance = kFar}, Kind::kAdmin), ErrorCode::kPermissionDenied);
  EXPECT_NE(message_.find("needs the role admin"), std::string::npos) << message_;
  EXPECT_EQ(code_of({.entrance = kTls}, Kind::kAny), ErrorCode::kUnauthenticated);
  EXPECT_NE(message_.find("authorization: Bearer"), std::string::npos) << message_;
}

TEST_F(AccessTest, ATokenDecidesWhereverItIsShown) {
  EXPECT_EQ(code_of(with_token(kTls, "token-of-desk"), Kind::kPublish), kAdmitted);
  EXPECT_EQ(code_of(with_token(kTls, "token-of-desk"), Kind::kAny), kAdmitted);
  EXPECT_EQ(code_of(with_token(kTls, "token-of-desk"), Kind::kRead), ErrorCode::kPermissionDenied);
  EXPECT_EQ(code_of(with_token(kLocal, "token-of-desk"), Kind::kRead), ErrorCode::kPermissionDenied);
  EXPECT_EQ(code_of(with_token(kLocal, "token-of-nobody"), Kind::kRead), ErrorCode::kUnauthenticated);
  EXPECT_EQ(message_.find("token-of-nobody"), std::string::npos) << message_;
  EXPECT_EQ(code_of(with_token(kLocal, ""), Kind::kRead), ErrorCode::kUnauthenticated);
}

TEST_F(AccessTest, ACertificateNamesItsIdentityByUriOrCommonName) {
  Caller by_uri{.entrance = kTls};
  by_uri.uris = {"spiffe://example.org/other", "spiffe://example.org/asr"};
  EXPECT_EQ(code_of(by_uri, Kind::kSubscribe), kAdmitted);
  Caller by_name{.entrance = kTls};
  by_name.common_name = "asr-1";
  EXPECT_EQ(code_of(by_name, Kind::kRead), kAdmitted);
  by_name.common_name = "asr-2";
  EXPECT_EQ(code_of(by_name, Kind::kRead), ErrorCode::kUnauthenticated);
}

TEST_F(AccessTest, GlobsLimitStreams) {
  const auto desk = access_.admit(with_token(kTls, "token-of-desk"), Kind::kPublish);
  EXPECT_TRUE(desk->reaches("desk-1"));
  EXPECT_FALSE(desk->reaches("hall-1"));
  EXPECT_EQ(desk->identity(), "desk");
  try {
    desk->require("hall-1");
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kPermissionDenied);
    EXPECT_EQ(error.field(), "stream");
  }
  EXPECT_TRUE(access_.admit({.entrance = kLocal}, Kind::kRead)->reaches("hall-1"));
}

TEST_F(AccessTest, NewRulesRevokeWhatIsNoLongerSo) {
  const auto desk = access_.admit(with_token(kTls, "token-of-desk"), Kind::kPublish);
  const auto asr = access_.admit(with_token(kTls, "token-of-asr"), Kind::kSubscribe);
  Caller certified{.entrance = kTls};
  certified.common_name = "asr-1";
  const auto by_certificate = access_.admit(certified, Kind::kSubscribe);
  const auto nobody = access_.admit({.entrance = kFar}, Kind::kRead);
  const auto local = access_.admit({.entrance = kLocal}, Kind::kRead);

  access_.replace(some_rules(), some_entrances());
  for (const auto& grant : {desk, asr, by_certificate, nobody, local}) EXPECT_FALSE(grant->revoked());

  AccessRules rules = some_rules();
  rules.tokens.erase(rules.tokens.begin());      // desk's
  rules.identities[1].common_names = {"asr-2"};  // another certificate, so another identity
  std::vector<Entrance> entrances = some_entrances();
  entrances[kFar].anonymous = {Role::kPublisher};
  access_.replace(rules, entrances);
  EXPECT_TRUE(desk->revoked());
  EXPECT_TRUE(asr->revoked());
  EXPECT_TRUE(by_certificate->revoked());
  EXPECT_TRUE(nobody->revoked());
  EXPECT_FALSE(local->revoked());
  EXPECT_EQ(code_of(with_token(kTls, "token-of-desk"), Kind::kPublish), ErrorCode::kUnauthenticated);
  EXPECT_EQ(code_of(with_token(kTls, "token-of-asr"), Kind::kRead), kAdmitted);
}

TEST_F(AccessTest, LimitsAreOfIdentitiesAndFarAddresses) {
  AccessRules rules = some_rules();
  rules.limits = {.max_connections = 1, .max_streams = 1, .max_subscriptions = 1};
  access_.replace(rules, some_entrances());
  Caller far{.entrance = kFar, .connection = 1, .address = "192.0.2.1"};
  const auto first = access_.admit(far, Kind::kSubscribe);
  EXPECT_EQ(code_of(far, Kind::kSubscribe), ErrorCode::kResourceExhausted);
  EXPECT_NE(message_.find("192.0.2.1"), std::string::npos) << message_;
  far.address = "192.0.2.2";
  EXPECT_EQ(code_of(far, Kind::kSubscribe), kAdmitted);
  const auto local = access_.admit({.entrance = kLocal, .connection = 2}, Kind::kSubscribe);
  EXPECT_EQ(code_of({.entrance = kLocal, .connection = 3}, Kind::kSubscribe), kAdmitted);

  Caller desk = with_token(kTls, "token-of-desk");
  desk.connection = 4;
  const auto publisher = access_.admit(desk, Kind::kPublish);
  {
    const StreamShare share = publisher->publish(1);
    EXPECT_THROW(publisher->publish(1), core::Error);
  }
  EXPECT_NO_THROW(publisher->publish(1));
  desk.connection = 5;
  EXPECT_EQ(code_of(desk, Kind::kPublish), ErrorCode::kResourceExhausted);
}

TEST_F(AccessTest, TokensOfOneIdentityShareItsLimits) {
  AccessRules rules = some_rules();
  rules.tokens.push_back({"asr", sha256_of("another-of-asr")});
  rules.limits = {.max_subscriptions = 1};
  access_.replace(rules, some_entrances());
  const auto grant = access_.admit(with_token(kTls, "token-of-asr"), Kind::kSubscribe);
  EXPECT_EQ(code_of(with_token(kTls, "another-of-asr"), Kind::kSubscribe), ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace melstream::access
