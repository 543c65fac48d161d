#include "daemon/listeners.hpp"

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

namespace melstream::daemon {
namespace {

using access::Role;
using access::RoleSet;
using Kind = rpc::ListenerSpec::Kind;

TEST(PassedSockets, AreThoseOfThisProcess) {
  EXPECT_EQ(passed_sockets("7", "2", "all:tcp", 7), (std::vector<PassedSocket>{{3, "all"}, {4, "tcp"}}));
  EXPECT_EQ(passed_sockets("7", "2", "all", 7), (std::vector<PassedSocket>{{3, "all"}, {4, ""}}));
  EXPECT_TRUE(passed_sockets("8", "2", "all:tcp", 7).empty());
  EXPECT_TRUE(passed_sockets(nullptr, "2", nullptr, 7).empty());
  EXPECT_TRUE(passed_sockets("7", nullptr, nullptr, 7).empty());
  EXPECT_TRUE(passed_sockets("7", "-1", "x", 7).empty());
  EXPECT_TRUE(passed_sockets("7", "1000000", "x", 7).empty());
  EXPECT_TRUE(passed_sockets("7", "2x", "x", 7).empty());
}

Config some_config() {
  Config config;
  config.server.socket = "/run/all.sock";
  config.server.admin_socket = "/run/admin.sock";
  config.server.socket_group = "audio";
  config.server.listen = {"127.0.0.1:1", "[::1]:1"};
  config.server.listen_tls = {"0.0.0.0:2"};
  config.auth.anonymous_roles = {"subscriber"};
  return config;
}

TEST(Listeners, AreWhatTheConfigSays) {
  const auto listeners = make_listeners(some_config(), {});
  ASSERT_EQ(listeners.size(), 5U);
  EXPECT_EQ(listeners[0].address, "/run/all.sock");
  EXPECT_EQ(listeners[0].anonymous, RoleSet::all());
  EXPECT_EQ(listeners[0].group, "audio");
  EXPECT_EQ(listeners[1].address, "/run/admin.sock");
  EXPECT_EQ(listeners[1].anonymous, RoleSet{Role::kAdmin});
  EXPECT_EQ(listeners[2].kind, Kind::kTcp);
  EXPECT_EQ(listeners[2].anonymous, RoleSet{Role::kSubscriber});
  EXPECT_EQ(listeners[3].address, "[::1]:1");
  EXPECT_EQ(listeners[4].kind, Kind::kTls);
  EXPECT_EQ(listeners[4].anonymous, RoleSet{});
}

TEST(Listeners, PassedOnesTakeTheirPlace) {
  const auto listeners = make_listeners(some_config(), {{3, "tcp"}, {4, "publisher"}, {5, "tcp"}});
  ASSERT_EQ(listeners.size(), 6U);
  EXPECT_EQ(listeners[1].inherited_fd, 4);
  EXPECT_EQ(listeners[1].anonymous, RoleSet{Role::kPublisher});
  EXPECT_EQ(listeners[3].inherited_fd, 3);
  EXPECT_EQ(listeners[3].kind, Kind::kTcp);
  EXPECT_EQ(listeners[4].inherited_fd, 5);
  EXPECT_EQ(listeners[5].address, "0.0.0.0:2");
}

TEST(Listeners, NamesThatAreNoneAreRefused) {
  try {
    make_listeners(some_config(), {{3, "grpc"}});
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_NE(std::string(error.what()).find("'grpc'; FileDescriptorName="), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace melstream::daemon
