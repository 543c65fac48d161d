// [[identity]], [auth] and [tls]: read whole, told where they are wrong.
#include <gtest/gtest.h>

#include "tests/daemon/config_errors.hpp"

namespace melstream::daemon {
namespace {

using access::Role;
using access::RoleSet;

TEST(Identity, IsReadWholeAndWrittenBack) {
  const std::string text =
      "[auth]\ntokens = \"/t\"\nanonymous_roles = []\n"
      "[[identity]]\nname = \"asr\"\nroles = [\"subscriber\"]\nstreams = [\"desk-*\"]\n"
      "uris = [\"spiffe://example.org/asr\"]\ncommon_names = [\"asr.example.org\"]\n"
      "[[identity]]\nname = \"boss\"\nroles = [\"publisher\", \"subscriber\", \"admin\"]\n";
  const Config config = good(text);
  ASSERT_EQ(config.identities.size(), 2U);
  EXPECT_EQ(config.identities[0], (access::Identity{.name = "asr",
                                                    .roles = {Role::kSubscriber},
                                                    .streams = {"desk-*"},
                                                    .uris = {"spiffe://example.org/asr"},
                                                    .common_names = {"asr.example.org"}}));
  EXPECT_EQ(config.identities[1].roles, RoleSet::all());
  EXPECT_EQ(config.identities[1].streams, std::vector<std::string>{"*"});
  EXPECT_TRUE(config.auth.anonymous_roles.empty());
  EXPECT_EQ(good(to_toml(config)), config);
}

TEST(Identity, MistakesAreToldWhereTheyAre) {
  const std::string errors = errors_of(
      "[[identity]]\nname = \"a b\"\nroles = [\"subscribr\"]\nstreams = [\"[x]\"]\nrolls = 1\n"
      "[[identity]]\nname = \"c\"\n[[identity]]\nname = \"d\"\nroles = [\"admin\"]\n"
      "[[identity]]\nname = \"d\"\nroles = [\"admin\"]\n");
  EXPECT_NE(errors.find("m.toml:2:8: error: identity.name = \"a b\""), std::string::npos) << errors;
  EXPECT_NE(errors.find("m.toml:3:10: error: identity.roles = \"subscribr\""), std::string::npos) << errors;
  EXPECT_NE(errors.find("did you mean 'subscriber'?"), std::string::npos) << errors;
  EXPECT_NE(errors.find("m.toml:4:12: error: identity.streams = \"[x]\""), std::string::npos) << errors;
  EXPECT_NE(errors.find("m.toml:5:1: error: unknown key 'rolls' in [[identity]] (did you mean 'roles'?)"),
            std::string::npos)
      << errors;
  EXPECT_NE(errors.find("[[identity]] has no 'roles'"), std::string::npos) << errors;
  EXPECT_NE(errors.find("identity 'd' is defined above"), std::string::npos) << errors;
}

TEST(Identity, TlsNeedsFilesAndSomebodyWhoCanComeIn) {
  const std::string errors = errors_of("[server]\nlisten_tls = [\"0.0.0.0:50072\"]\n");
  EXPECT_NE(errors.find("set tls.certificate and tls.key"), std::string::npos) << errors;
  EXPECT_NE(errors.find("nobody could come in"), std::string::npos) << errors;
  good("[server]\nlisten_tls = [\"0.0.0.0:50072\"]\n[tls]\ncertificate = \"c\"\nkey = \"k\"\nclient_ca = \"r\"\n");
  EXPECT_NE(errors_of("[auth]\ntokens = \"/t\"\n").find("add an [[identity]]"), std::string::npos);
}

TEST(Identity, RolesOfNobodyAreRoles) {
  const std::string errors = errors_of("[auth]\nanonymous_roles = [\"publisher\", \"amdin\"]\n");
  EXPECT_NE(errors.find("m.toml:2:33: error: auth.anonymous_roles = \"amdin\""), std::string::npos) << errors;
  EXPECT_NE(errors.find("did you mean 'admin'?"), std::string::npos) << errors;
}

TEST(Identity, SocketsOfRolesNeedPathsOfTheirOwn) {
  const std::string errors = errors_of("[server]\nsocket = \"/s\"\nadmin_socket = \"/s\"\nlisten = []\n");
  EXPECT_NE(errors.find("m.toml:3:16: error: server.admin_socket: another socket has this path"), std::string::npos)
      << errors;
  good("[server]\nsocket = \"\"\nlisten = []\nadmin_socket = \"/a\"\n");
}

}  // namespace
}  // namespace melstream::daemon
