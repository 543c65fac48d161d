// Where sources may be bound, and by whom they may be sent to.
#include "melstream/audio/net_address.hpp"

#include <cstring>
#include <string>
#include <unordered_set>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

NetAddress address(const std::string& host, std::uint16_t port = 0) {
  if (host.find(':') == std::string::npos) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    EXPECT_EQ(inet_pton(AF_INET, host.c_str(), &v4.sin_addr), 1);
    return NetAddress(reinterpret_cast<const sockaddr&>(v4));
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  EXPECT_EQ(inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr), 1);
  return NetAddress(reinterpret_cast<const sockaddr&>(v6));
}

NetAddress bound(const std::string& text, Transport transport = Transport::kStream, bool insecure = false) {
  SourceUri uri = parse_source_uri(text);
  return bind_address(take_bind(uri, uri.params), transport, insecure);
}

/// The error that `work` throws; none: kInternal.
template <typename Work>
core::Error error_of(Work work) {
  try {
    work();
  } catch (const core::Error& error) {
    return error;
  }
  return {core::ErrorCode::kInternal, "nothing was thrown"};
}

#define EXPECT_REFUSED(work, code_name, part)                                           \
  do {                                                                                  \
    const core::Error error = error_of([&] { static_cast<void>(work); });               \
    EXPECT_EQ(error.code(), core::ErrorCode::code_name) << error.what();                \
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what(); \
  } while (false)

TEST(NetAddress, IsWrittenWithItsPort) {
  EXPECT_EQ(address("127.0.0.1", 4000).text(), "127.0.0.1:4000");
  EXPECT_EQ(address("::1", 4000).text(), "[::1]:4000");
  EXPECT_EQ(address("::ffff:10.1.2.3", 9).text(), "10.1.2.3:9");
  EXPECT_EQ(address("fe80::1").host_text(), "fe80::1");
}

TEST(NetAddress, MappedAndPlainV4AreTheSame) {
  EXPECT_EQ(address("::ffff:10.1.2.3", 9), address("10.1.2.3", 9));
  EXPECT_EQ(address("::ffff:10.1.2.3", 9).hash(), address("10.1.2.3", 9).hash());
  EXPECT_NE(address("10.1.2.3", 9), address("10.1.2.3", 10));
}

TEST(NetAddress, HashesOfNeighboursDiffer) {
  std::unordered_set<std::size_t> hashes;
  for (std::uint16_t port = 1; port <= 1000; ++port) {
    hashes.insert(address("10.0.0.1", port).hash() % 4096);
  }
  EXPECT_GT(hashes.size(), 800U);  // 1000 balls in 4096 bins leave 887
}

TEST(NetAddress, KnowsLoopbackAndGroups) {
  EXPECT_TRUE(address("127.0.0.1").is_loopback());
  EXPECT_TRUE(address("127.9.9.9").is_loopback());
  EXPECT_TRUE(address("::1").is_loopback());
  EXPECT_TRUE(address("::ffff:127.0.0.1").is_loopback());
  for (const char* text : {"0.0.0.0", "::", "10.0.0.1", "::2", "128.0.0.1"}) {
    EXPECT_FALSE(address(text).is_loopback()) << text;
  }
  EXPECT_TRUE(address("239.1.2.3").is_multicast());
  EXPECT_TRUE(address("ff02::1").is_multicast());
  EXPECT_FALSE(address("240.0.0.1").is_multicast());
}

TEST(AllowList, HoldsNetworksAndHosts) {
  const AllowList list("127.0.0.0/8,10.32.0.0/11,192.168.1.7,::1,fd00::/8");
  for (const char* text :
       {"127.1.2.3", "10.32.0.1", "10.63.255.255", "192.168.1.7", "::1", "fd12::5", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(list.contains(address(text))) << text;
  }
  for (const char* text : {"128.0.0.1", "10.31.255.255", "10.64.0.0", "192.168.1.8", "::2", "fe00::1"}) {
    EXPECT_FALSE(list.contains(address(text))) << text;
  }
}

TEST(AllowList, AllOfOneFamilyIsNotAllOfTheOther) {
  EXPECT_TRUE(AllowList("0.0.0.0/0").contains(address("8.8.8.8")));
  EXPECT_FALSE(AllowList("0.0.0.0/0").contains(address("2001::1")));
  EXPECT_TRUE(AllowList("::/0").contains(address("2001::1")));
  EXPECT_FALSE(AllowList("::/0").contains(address("8.8.8.8")));
  EXPECT_TRUE(AllowList().contains(address("8.8.8.8")));
  EXPECT_TRUE(AllowList().contains(address("2001::1")));
}

TEST(AllowList, MistakesAreNamed) {
  EXPECT_REFUSED(AllowList(""), kInvalidArgument, "is no network");
  EXPECT_REFUSED(AllowList("localhost"), kInvalidArgument, "'localhost' is no network");
  EXPECT_REFUSED(AllowList("10.0.0.0/8,"
                           ",::1"),
                 kInvalidArgument, "'' is no network");
  EXPECT_REFUSED(AllowList("10.0.0.0/33"), kInvalidArgument, "0 to 32 bits");
  EXPECT_REFUSED(AllowList("10.0.0.0/"), kInvalidArgument, "0 to 32 bits");
  EXPECT_REFUSED(AllowList("fd00::/129"), kInvalidArgument, "0 to 128 bits");
  EXPECT_REFUSED(AllowList("10.0.0.1/8"), kInvalidArgument, "behind its 8 bits");
}

TEST(Bind, LoopbackNeedsNoLeave) {
  EXPECT_EQ(bound("tcp://127.0.0.1:7000").text(), "127.0.0.1:7000");
  EXPECT_EQ(bound("udp://[::1]:7000", Transport::kDatagram).text(), "[::1]:7000");
  EXPECT_TRUE(bound("tcp://localhost:7000").is_loopback());
}

TEST(Bind, OthersNeedLeaveAndDatagramsAListToo) {
  EXPECT_REFUSED(bound("tcp://0.0.0.0:7000"), kInvalidArgument, "server.allow_insecure_bind = true");
  EXPECT_REFUSED(bound("tcp://[::]:7000"), kInvalidArgument, "server.allow_insecure_bind = true");
  EXPECT_EQ(bound("tcp://0.0.0.0:7000", Transport::kStream, true).text(), "0.0.0.0:7000");
  EXPECT_REFUSED(bound("udp://0.0.0.0:7000", Transport::kDatagram, true), kInvalidArgument, "allow_from=");
  EXPECT_REFUSED(bound("udp://0.0.0.0:7000?allow_from=10.0.0.0/8", Transport::kDatagram), kInvalidArgument,
                 "server.allow_insecure_bind = true");
  EXPECT_EQ(bound("udp://0.0.0.0:7000?allow_from=10.0.0.0/8", Transport::kDatagram, true).text(), "0.0.0.0:7000");
}

TEST(Bind, WhatCannotBeBoundIsTold) {
  EXPECT_REFUSED(bound("tcp:7000"), kInvalidArgument, "tcp://HOST:PORT");
  EXPECT_REFUSED(bound("tcp://127.0.0.1:7000-7001"), kInvalidArgument, "one port");
  EXPECT_REFUSED(bound("udp://239.1.2.3:7000", Transport::kDatagram, true), kInvalidArgument, "multicast");
  EXPECT_REFUSED(bound("tcp://no-such-host.invalid:7000"), kUnavailable, "no-such-host.invalid");
}

TEST(Listener, IsNonBlockingAndTellsItsPort) {
  const OwnedFd fd = make_listener(address("127.0.0.1"), "tcp");
  EXPECT_NE(fcntl(fd.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  const NetAddress where = local_address(fd.get());
  EXPECT_GT(where.port(), 0);
  const OwnedFd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(where.apply(::connect, client.get()), 0);
}

TEST(Listener, ATakenPortIsToldWithARemedy) {
  const OwnedFd first = make_listener(address("127.0.0.1"), "tcp");
  const NetAddress where = local_address(first.get());
  EXPECT_REFUSED(make_listener(where, "tcp"), kUnavailable,
                 "cannot listen on tcp " + where.text() + ": address already in use; stop the other program");
  const OwnedFd second = make_datagram_socket(address("127.0.0.1"), "udp", 1 << 20);
  EXPECT_REFUSED(make_datagram_socket(local_address(second.get()), "udp", 1 << 20), kUnavailable,
                 "cannot listen on udp ");
  EXPECT_REFUSED(make_listener(address("192.0.2.1"), "tcp"), kUnavailable, "use an address of this machine");
}

TEST(OwnedFd, ClosesOnceAndMoves) {
  OwnedFd one(dup(0));
  const int number = one.get();
  OwnedFd two(std::move(one));
  EXPECT_EQ(two.get(), number);
  two = OwnedFd();
  EXPECT_EQ(fcntl(number, F_GETFD), -1);
}

}  // namespace
}  // namespace melstream::audio
