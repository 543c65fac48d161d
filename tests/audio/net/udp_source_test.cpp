// udp:// over loopback, through the kind that the daemon uses.
#include <gtest/gtest.h>

#include "melstream/audio/net/net_sources.hpp"
#include "melstream/core/error.hpp"

#include "tests/audio/net/net_source_fixture.hpp"
#include "tests/audio/net_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace melstream::audio {
namespace {

using test::eventually;

struct UdpSourceTest : testing::Test {
  void open(const std::string& params = {}) {
    const core::SourceSpec spec{.id = "desk", .uri = "udp://127.0.0.1:0" + params, .labels = {}};
    source = udp_kind().make(spec, parse_source_uri(spec.uri), world.parts);
    const std::string detail = source->status().detail;  // "listening on 127.0.0.1:PORT"
    where = test::any_port().with_port(static_cast<std::uint16_t>(std::stoi(detail.substr(detail.find(':') + 1))));
  }
  OwnedFd sender() const { return test::connected(where, SOCK_DGRAM); }
  std::int64_t count(const std::string& name) const { return test::counter(source->status(), name); }

  test::NetSourceWorld world;
  std::unique_ptr<Source> source;
  NetAddress where;
};

TEST_F(UdpSourceTest, WhatIsSentComesOutBitForBit) {
  open();
  const OwnedFd fd = sender();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(test::send_all(fd, test::counting_bytes(i * 320, 320)));
    if (i % 10 == 9) {
      ASSERT_TRUE(eventually([&] { return count("packets") == i + 1; }));
      world.recorder.all();  // drains
    }
  }
  EXPECT_EQ(world.recorder.find("desk")->taken[0].all_samples(), test::counting_samples(0, 32000));
  EXPECT_EQ(source->status().state, core::SourceState::kLive);
}

TEST_F(UdpSourceTest, TheLongestDatagramIsTakenWhole) {
  open("?encoding=mulaw&rate=48000");
  const OwnedFd fd = sender();
  ASSERT_TRUE(test::send_all(fd, std::string(65507, 'x')));
  ASSERT_TRUE(eventually([&] { return count("packets") == 1; }));
  EXPECT_EQ(count("samples_offered"), 65507);
  EXPECT_EQ(count("packets_malformed"), 0);
}

TEST_F(UdpSourceTest, NobodyIsEverAnswered) {
  open();
  const OwnedFd fd = sender();
  send(fd.get(), "x", 1, 0);
  test::send_all(fd, test::counting_bytes(0, 320));
  ASSERT_TRUE(eventually([&] { return count("packets") == 2; }));
  source->end(core::EndReason::kCompleted);
  char byte = 0;
  EXPECT_EQ(recv(fd.get(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST_F(UdpSourceTest, AFloodOfStrangersHarmsNobody) {
  open();
  const OwnedFd fd = sender();
  test::send_all(fd, test::counting_bytes(0, 320));
  ASSERT_TRUE(eventually([&] { return count("packets") == 1; }));
  const OwnedFd stranger = sender();
  for (int i = 1; i <= 10; ++i) {
    for (int k = 0; k < 100; ++k) test::send_all(stranger, std::string(640, 'x'));
    test::send_all(fd, test::counting_bytes(i * 320, 320));
    ASSERT_TRUE(eventually([&] { return count("packets") == 1 + i * 101; }));
    world.recorder.all();  // drains
  }
  EXPECT_EQ(count("packets_refused"), 1000);
  EXPECT_EQ(world.events.count("sender_refused"), 1U);
  EXPECT_EQ(world.recorder.find("desk")->taken[0].all_samples(), test::counting_samples(0, 3520));
}

TEST_F(UdpSourceTest, TheClockEndsThoseWhoFallSilent) {
  open("?idle_timeout_s=3");
  test::send_all(sender(), test::counting_bytes(0, 320));
  ASSERT_TRUE(eventually([&] { return count("packets") == 1; }));
  world.clock.turn(3.1);
  ASSERT_TRUE(eventually([&] { return source->status().state == core::SourceState::kWaiting; }));
  EXPECT_EQ(world.recorder.find("desk")->taken[0].end_reason, core::EndReason::kSourceLost);
}

TEST_F(UdpSourceTest, ItsEndEndsItsStreamAndFreesThePort) {
  open();
  test::send_all(sender(), test::counting_bytes(0, 320));
  ASSERT_TRUE(eventually([&] { return count("packets") == 1; }));
  source->end(core::EndReason::kCompleted);
  EXPECT_EQ(world.recorder.find("desk")->taken[0].end_reason, core::EndReason::kCompleted);
  EXPECT_EQ(source->status().state, core::SourceState::kEnded);
  EXPECT_TRUE(eventually([&] {
    try {
      return make_datagram_socket(where, "udp", 1 << 16).get() >= 0;
    } catch (const core::Error&) {
      return false;
    }
  }));
}

TEST_F(UdpSourceTest, APlaceThatOthersReachNeedsLeaveAndAList) {
  world.parts.allow_insecure_bind = true;
  const core::SourceSpec spec{.id = "desk", .uri = "udp://0.0.0.0:0", .labels = {}};
  EXPECT_THROW(udp_kind().make(spec, parse_source_uri(spec.uri), world.parts), core::Error);
  EXPECT_NE(udp_kind().make(spec, parse_source_uri("udp://0.0.0.0:0?allow_from=127.0.0.0/8"), world.parts), nullptr);
}

}  // namespace
}  // namespace melstream::audio
