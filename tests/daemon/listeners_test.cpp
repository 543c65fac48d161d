#include "daemon/listeners.hpp"

#include <functional>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

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
  const auto listeners = make_listeners(some_config(), {{1003, "tcp"}, {1004, "publisher"}, {1005, "tcp"}});
  ASSERT_EQ(listeners.size(), 6U);
  EXPECT_EQ(listeners[1].inherited_fd, 1004);
  EXPECT_EQ(listeners[1].anonymous, RoleSet{Role::kPublisher});
  EXPECT_EQ(listeners[3].inherited_fd, 1003);
  EXPECT_EQ(listeners[3].kind, Kind::kTcp);
  EXPECT_EQ(listeners[4].inherited_fd, 1005);
  EXPECT_EQ(listeners[5].address, "0.0.0.0:2");
}

/// A bound TCP socket, or one of a family; closes itself.
class BoundSocket {
 public:
  explicit BoundSocket(int family) : fd_(socket(family, SOCK_STREAM, 0)) {}
  explicit BoundSocket(const char* v6) : fd_(socket(AF_INET6, SOCK_STREAM, 0)) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    inet_pton(AF_INET6, v6, &address.sin6_addr);
    const int no = 0;
    setsockopt(fd_, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    if (bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) ADD_FAILURE() << v6;
  }
  BoundSocket(const BoundSocket&) = delete;
  BoundSocket& operator=(const BoundSocket&) = delete;
  ~BoundSocket() { close(fd_); }
  int fd() const { return fd_; }

 private:
  int fd_;
};

std::string refusal(const Config& config, const PassedSocket& socket) {
  try {
    make_listeners(config, {socket});
  } catch (const PassedSocketError& error) {
    return error.what();
  }
  return {};
}

TEST(Listeners, NamesThatAreNoneAreRefused) {
  const std::string error = refusal(some_config(), {1003, "grpc"});
  EXPECT_NE(error.find("named 'grpc' (FileDescriptorName="), std::string::npos) << error;
}

TEST(Listeners, PassedSocketsThatOthersReachNeedALeave) {
  const BoundSocket everywhere("::");
  const BoundSocket here("::1");
  const BoundSocket here_by_v4("::ffff:127.0.0.1");
  Config config = some_config();
  const std::string error = refusal(config, {everywhere.fd(), "tcp"});
  EXPECT_NE(error.find("server.allow_insecure_bind"), std::string::npos) << error;
  EXPECT_EQ(refusal(config, {here.fd(), "tcp"}), "");
  EXPECT_EQ(refusal(config, {here_by_v4.fd(), "tcp"}), "");
  EXPECT_EQ(refusal(config, {everywhere.fd(), "tls"}), "");
  config.server.allow_insecure_bind = true;
  EXPECT_EQ(refusal(config, {everywhere.fd(), "tcp"}), "");
  config.server.listen_tls.clear();
  EXPECT_NE(refusal(config, {everywhere.fd(), "tls"}).find("server.listen_tls"), std::string::npos);
}

TEST(Listeners, ANameIsOfOneFamily) {
  const BoundSocket tcp("::1");
  const BoundSocket local(AF_UNIX);
  for (const char* name : {"all", "publisher", "subscriber", "admin"}) {
    EXPECT_NE(refusal(some_config(), {tcp.fd(), name}).find("of a unix socket"), std::string::npos) << name;
    EXPECT_EQ(refusal(some_config(), {local.fd(), name}), "");
  }
  for (const char* name : {"tcp", "tls"}) {
    EXPECT_NE(refusal(some_config(), {local.fd(), name}).find("of a TCP socket"), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace melstream::daemon
