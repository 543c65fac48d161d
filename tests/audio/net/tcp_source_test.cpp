// tcp:// over loopback, through the kind that the daemon uses.
#include <optional>

#include <sys/resource.h>

#include <gtest/gtest.h>

#include "melstream/audio/net/net_sources.hpp"
#include "melstream/core/error.hpp"

#include "tests/audio/net/net_source_fixture.hpp"
#include "tests/audio/net_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace melstream::audio {
namespace {

using test::eventually;

struct TcpSourceTest : testing::Test {
  void open(const std::string& params = {}) {
    const core::SourceSpec spec{.id = "desk", .uri = "tcp://127.0.0.1:0" + params, .labels = {}};
    source = tcp_kind().make(spec, parse_source_uri(spec.uri), world.parts);
    const std::string detail = source->status().detail;  // "listening on 127.0.0.1:PORT, ..."
    const std::size_t colon = detail.find(':');
    where = test::any_port().with_port(static_cast<std::uint16_t>(std::stoi(detail.substr(colon + 1))));
  }
  OwnedFd connect() const { return test::connected(where, SOCK_STREAM); }
  std::int64_t count(const std::string& name) const { return test::counter(source->status(), name); }
  /// What came through, once the stream ended.
  const test::Taken* ended(const std::string& id = "desk") {
    const bool is_so = eventually([&] {
      const auto* const stream = world.recorder.find(id);
      return stream != nullptr && stream->ended();
    });
    return is_so ? &world.recorder.find(id)->taken[0] : nullptr;
  }
  bool is_closed_by_peer(const OwnedFd& fd) const {
    char byte = 0;
    return recv(fd.get(), &byte, 1, 0) <= 0;
  }

  test::NetSourceWorld world;
  std::unique_ptr<Source> source;
  NetAddress where;
};

TEST_F(TcpSourceTest, WhatIsSentComesOutBitForBit) {
  open();
  EXPECT_EQ(source->status().state, core::SourceState::kWaiting);
  {
    const OwnedFd fd = connect();
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE(test::send_all(fd, test::counting_bytes(i * 1000, 1000)));
      ASSERT_TRUE(eventually([&] { return count("bytes") == (i + 1) * 2000; }));
      world.recorder.all();  // drains
    }
    EXPECT_EQ(source->status().state, core::SourceState::kLive);
    EXPECT_EQ(source->status().streams, std::vector<std::string>{"desk"});
  }
  const test::Taken* const taken = ended();
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(taken->all_samples(), test::counting_samples(0, 10000));
  EXPECT_EQ(taken->end_reason, core::EndReason::kCompleted);
  EXPECT_EQ(count("samples_accepted"), 10000);
  EXPECT_EQ(count("connections"), 1);
}

TEST_F(TcpSourceTest, AFastOneLosesNothingHoweverFastItIsSent) {
  open("?pacing=fast");
  constexpr std::size_t kSamples = 1'000'000;  // a minute, at once
  std::thread sender([&] {
    const OwnedFd fd = connect();
    test::send_all(fd, test::counting_bytes(0, kSamples));
  });
  const test::Taken* const taken = ended();
  sender.join();
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(taken->segments.size(), 1U);
  EXPECT_EQ(taken->all_samples(), test::counting_samples(0, kSamples));
  EXPECT_EQ(count("samples_dropped"), 0);
}

TEST_F(TcpSourceTest, ConnectionsBeyondTheLimitAreClosedAndCounted) {
  open("?stream={id}-{n}&max_connections=2");
  OwnedFd first = connect();
  const OwnedFd second = connect();
  ASSERT_TRUE(eventually([&] { return count("connections") == 2; }));
  EXPECT_TRUE(is_closed_by_peer(connect()));
  EXPECT_TRUE(is_closed_by_peer(connect()));
  EXPECT_EQ(count("connections_refused"), 2);
  EXPECT_EQ(world.events.count("2 connections are open (max_connections)"), 1U);
  test::send_all(first, "ab");
  ASSERT_TRUE(eventually([&] { return count("samples_accepted") == 1; }));
  first = {};
  ASSERT_NE(ended("desk-1"), nullptr);
  const OwnedFd third = connect();  // with the number that is free again
  test::send_all(third, "cd");
  EXPECT_TRUE(eventually([&] { return count("samples_accepted") == 2; }));
  EXPECT_EQ(source->status().streams, std::vector<std::string>{"desk-1"});
}

TEST_F(TcpSourceTest, AConnectionThatIsRefusedHarmsNoOther) {
  open("?stream={id}-{n}");
  const OwnedFd good = connect();
  test::send_all(good, test::counting_bytes(0, 100));
  ASSERT_TRUE(eventually([&] { return count("samples_accepted") == 100; }));
  const OwnedFd bad = connect();
  test::send_all(bad, "{\"encoding\":\"mp3\"}\n" + std::string(1000, 'x'));
  EXPECT_TRUE(is_closed_by_peer(bad));
  EXPECT_EQ(world.events.count("encoding 'mp3' must be"), 1U);
  test::send_all(good, test::counting_bytes(100, 100));
  EXPECT_TRUE(eventually([&] { return count("samples_accepted") == 200; }));
  EXPECT_EQ(world.recorder.find("desk-1")->taken[0].all_samples(), test::counting_samples(0, 200));
}

TEST_F(TcpSourceTest, AResetEndsAsLost) {
  open();
  {
    const OwnedFd fd = connect();
    test::send_all(fd, "ab");
    ASSERT_TRUE(eventually([&] { return count("samples_accepted") == 1; }));
    const linger abort{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
  }
  const test::Taken* const taken = ended();
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(taken->end_reason, core::EndReason::kSourceLost);
}

TEST_F(TcpSourceTest, TheClockClosesThoseWhoSendNothing) {
  open();
  const OwnedFd fd = connect();
  ASSERT_TRUE(eventually([&] { return count("connections") == 1; }));
  world.clock.turn(10);
  EXPECT_TRUE(is_closed_by_peer(fd));
  EXPECT_EQ(world.events.count("closed after 10 s"), 1U);
  EXPECT_EQ(count("connections_refused"), 1);
}

TEST_F(TcpSourceTest, OnlyThoseOfTheListAreHeard) {
  open("?allow_from=10.0.0.0/8");
  EXPECT_TRUE(is_closed_by_peer(connect()));
  EXPECT_EQ(count("connections_refused"), 1);
  EXPECT_EQ(world.events.count("not in allow_from"), 1U);
}

TEST_F(TcpSourceTest, ATakeoverClosesTheConnection) {
  open();
  const OwnedFd fd = connect();
  test::send_all(fd, "ab");
  ASSERT_TRUE(eventually([&] { return count("samples_accepted") == 1; }));
  world.recorder.find("desk")->request.on_takeover();
  EXPECT_TRUE(is_closed_by_peer(fd));
  EXPECT_EQ(world.recorder.find("desk")->taken[0].end_reason, core::EndReason::kTakenOver);
}

TEST_F(TcpSourceTest, ItsEndEndsItsStreamsAndFreesThePort) {
  open("?stream={id}-{n}");
  const OwnedFd first = connect();
  test::send_all(first, "ab");
  const OwnedFd second = connect();
  test::send_all(second, "ab");
  ASSERT_TRUE(eventually([&] { return count("samples_accepted") == 2; }));
  source->end(core::EndReason::kShutdown);
  EXPECT_TRUE(is_closed_by_peer(first));
  EXPECT_EQ(world.recorder.find("desk-1")->taken[0].end_reason, core::EndReason::kShutdown);
  EXPECT_EQ(world.recorder.find("desk-2")->taken[0].end_reason, core::EndReason::kShutdown);
  EXPECT_EQ(source->status().state, core::SourceState::kEnded);
  EXPECT_EQ(count("samples_accepted"), 2);
  EXPECT_LT(connect().get(), 0);
  EXPECT_GE(make_listener(where, "tcp").get(), 0);
}

TEST_F(TcpSourceTest, ForgottenItsStreamsAreLost) {
  open();
  const OwnedFd fd = connect();
  test::send_all(fd, "ab");
  ASSERT_TRUE(eventually([&] { return count("samples_accepted") == 1; }));
  source.reset();
  EXPECT_EQ(world.recorder.find("desk")->taken[0].end_reason, core::EndReason::kSourceLost);
}

TEST_F(TcpSourceTest, OutOfDescriptorsItGoesOnLater) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "UndefinedBehaviorSanitizer needs a descriptor of its own to look at an object's type";
#endif
  open();
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const OwnedFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit none = before;
  none.rlim_cur = 0;  // what is open stays so
  setrlimit(RLIMIT_NOFILE, &none);
  EXPECT_EQ(where.apply(::connect, fd.get()), 0);
  const bool is_told = eventually([&] { return world.events.count("accept_failed reason=Too many open files") > 0; });
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(is_told);
  test::send_all(fd, "ab");
  EXPECT_TRUE(eventually([&] { return count("samples_accepted") == 1; }));
}

TEST_F(TcpSourceTest, APlaceThatOthersReachIsRefused) {
  const core::SourceSpec spec{.id = "desk", .uri = "tcp://0.0.0.0:0", .labels = {}};
  EXPECT_THROW(tcp_kind().make(spec, parse_source_uri(spec.uri), world.parts), core::Error);
  world.parts.allow_insecure_bind = true;
  EXPECT_NE(tcp_kind().make(spec, parse_source_uri(spec.uri), world.parts), nullptr);
}

}  // namespace
}  // namespace melstream::audio
