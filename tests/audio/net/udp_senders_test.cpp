// Senders of datagrams apart from their socket: who gets a stream, what is lost, what is counted.
#include "melstream/audio/net/udp_senders.hpp"

#include <optional>

#include <gtest/gtest.h>

#include "tests/audio/net/net_source_fixture.hpp"
#include "tests/audio/net_fixture.hpp"
#include "tests/support/realtime_scope.hpp"

namespace melstream::audio {
namespace {

struct UdpSendersTest : testing::Test {
  void use(const std::string& uri_params) {
    senders.reset();
    params.emplace(parse_udp_params({.id = "desk", .uri = {}, .labels = {}},
                                    parse_source_uri("udp://127.0.0.1:7000" + uri_params)));
    senders = std::make_unique<UdpSenders>(*params, world.parts, 7000);
  }
  void send(std::uint16_t port, std::span<const std::byte> bytes, bool cut = false) {
    const NetAddress peer = test::any_port().with_port(port);
    senders->on_datagram(0, {bytes, peer, world.clock.mono_ns(), cut});
  }
  void send(std::uint16_t port, std::int64_t first, std::size_t n) { send(port, test::counting_bytes(first, n)); }
  void check(double seconds) {
    world.clock.turn(seconds);
    senders->check(world.clock.mono_ns());
  }
  core::SourceStatus status() const {
    core::SourceStatus status;
    senders->add_status(status);
    return status;
  }
  std::int64_t count(const std::string& name) const { return test::counter(status(), name); }
  const test::Taken& taken(const std::string& id = "desk") { return world.recorder.find(id)->taken[0]; }

  test::NetSourceWorld world;
  std::optional<UdpParams> params;
  std::unique_ptr<UdpSenders> senders;
};

TEST_F(UdpSendersTest, DatagramsOfOneSenderAreItsStream) {
  use("");
  for (int i = 0; i < 10; ++i) send(4000, i * 320, 320);
  EXPECT_EQ(taken().all_samples(), test::counting_samples(0, 3200));
  EXPECT_EQ(count("packets"), 10);
  EXPECT_EQ(count("bytes"), 6400);
  EXPECT_EQ(count("samples_accepted"), 3200);
  EXPECT_EQ(status().state, core::SourceState::kLive);
  EXPECT_EQ(status().streams, std::vector<std::string>{"desk"});
  EXPECT_EQ(world.events.lines(), std::vector<std::string>{"sender_connected peer=127.0.0.1:4000 stream=desk "
                                                           "encoding=s16le rate=16000 channels=1"});
}

TEST_F(UdpSendersTest, ASecondSenderIsCountedAndToldOnce) {
  use("");
  send(4000, 0, 320);
  for (int i = 0; i < 10000; ++i) send(static_cast<std::uint16_t>(5000 + i), 7, 320);
  EXPECT_EQ(taken().all_samples(), test::counting_samples(0, 320));
  EXPECT_EQ(count("packets_refused"), 10000);
  EXPECT_EQ(world.events.count("sender_refused"), 1U);
  EXPECT_EQ(world.events.count("sender_refused peer=127.0.0.1:5000 reason=another sender is live, 127.0.0.1:4000; for "
                               "several at once give each an id of its own: stream={id}-{n}"),
            1U);
}

TEST_F(UdpSendersTest, ATemplateGivesEachSenderItsStream) {
  use("?stream={id}-{peer}");
  send(4000, 0, 320);
  send(4001, 1000, 320);
  send(4000, 320, 320);
  EXPECT_EQ(taken("desk-127.0.0.1-4000").all_samples(), test::counting_samples(0, 640));
  EXPECT_EQ(taken("desk-127.0.0.1-4001").all_samples(), test::counting_samples(1000, 320));
  EXPECT_EQ(status().streams, (std::vector<std::string>{"desk-127.0.0.1-4000", "desk-127.0.0.1-4001"}));
}

TEST_F(UdpSendersTest, ThereAreNoMoreSendersThanAllowed) {
  use("?stream={id}-{n}&max_senders=2");
  for (std::uint16_t port = 4000; port < 4010; ++port) send(port, 0, 320);
  EXPECT_EQ(status().streams, (std::vector<std::string>{"desk-1", "desk-2"}));
  EXPECT_EQ(count("packets_refused"), 8);
  EXPECT_EQ(world.events.count("2 senders are live (max_senders)"), 1U);
}

TEST_F(UdpSendersTest, OnlyThoseOfTheListAreHeard) {
  use("?allow_from=10.0.0.0/8");
  for (int i = 0; i < 1000; ++i) send(4000, 0, 320);
  EXPECT_TRUE(world.recorder.all().empty());
  EXPECT_EQ(count("packets_refused"), 1000);
  EXPECT_EQ(world.events.lines(),
            std::vector<std::string>{"sender_refused peer=127.0.0.1:4000 reason=not in allow_from"});
}

TEST_F(UdpSendersTest, ADatagramThatIsNoWholeNumberOfSamplesIsAGapOfThoseThatFitIn) {
  use("");
  send(4000, 0, 320);
  const auto odd = test::counting_bytes(320, 320);
  send(4000, std::span(odd).first(639));
  send(4000, 640, 320);
  ASSERT_EQ(taken().segments.size(), 2U);
  EXPECT_EQ(taken().segments[1].start.lost_source_samples, 319);
  EXPECT_EQ(taken().segments[1].start.reason, core::GapReason::kDecodeError);
  EXPECT_EQ(taken().segments[1].samples, test::counting_samples(640, 320));
  EXPECT_EQ(count("packets_malformed"), 1);
  EXPECT_EQ(count("samples_dropped_decode_error"), 319);
  EXPECT_EQ(count("samples_offered"), count("samples_accepted") + count("samples_dropped"));
  EXPECT_EQ(world.events.count("packet_malformed peer=127.0.0.1:4000 reason=639 bytes are no whole number of samples "
                               "of 2 bytes"),
            1U);
}

TEST_F(UdpSendersTest, MalformedOnesOpenNoStreamAndAreToldSeldom) {
  use("?channels=2");
  for (int i = 0; i < 100; ++i) send(4000, 0, 1);
  send(4000, std::span<const std::byte>());
  send(4000, test::counting_bytes(0, 4), true);
  EXPECT_TRUE(world.recorder.all().empty());
  EXPECT_EQ(count("packets_malformed"), 102);
  EXPECT_EQ(world.events.count("packet_malformed"), 1U);
  world.clock.turn(10);
  send(4000, 0, 1);
  EXPECT_EQ(world.events.count("packet_malformed"), 2U);
}

TEST_F(UdpSendersTest, OneThatFallsSilentIsLostAndItsIdIsFree) {
  use("?idle_timeout_s=2");
  send(4000, 0, 320);
  check(1.9);
  EXPECT_EQ(status().state, core::SourceState::kLive);
  check(0.1);
  EXPECT_EQ(status().state, core::SourceState::kWaiting);
  EXPECT_EQ(taken().end_reason, core::EndReason::kSourceLost);
  EXPECT_EQ(world.events.count("reason=sent nothing for 2.000 s (idle_timeout_s)"), 1U);
  send(4001, 5, 320);
  EXPECT_EQ(taken().all_samples(), test::counting_samples(5, 320));
  EXPECT_EQ(count("samples_accepted"), 640);
  EXPECT_EQ(count("senders"), 2);
}

TEST_F(UdpSendersTest, AfterARefusalByTheDaemonItAsksOnceASecond) {
  use("?stream={id}-{n}");
  world.recorder.set_max_streams(0);
  for (int i = 0; i < 1000; ++i) send(4000, 0, 320);
  EXPECT_EQ(count("packets_refused"), 1000);
  EXPECT_EQ(world.events.count("reason=all streams are in use"), 1U);
  world.recorder.set_max_streams(10);
  send(4000, 0, 320);
  EXPECT_EQ(count("senders"), 0);
  world.clock.turn(1);
  send(4000, 0, 320);
  EXPECT_EQ(status().streams, std::vector<std::string>{"desk-1"});
}

TEST_F(UdpSendersTest, ATakeoverEndsTheStream) {
  use("");
  send(4000, 0, 320);
  world.recorder.find("desk")->request.on_takeover();
  world.net.call([] {});
  EXPECT_EQ(taken().end_reason, core::EndReason::kTakenOver);
  EXPECT_TRUE(status().streams.empty());
}

TEST_F(UdpSendersTest, WhatTheKernelThrewAwayIsCountedAndTold) {
  use("");
  senders->on_kernel_drops(0, 5);
  senders->on_kernel_drops(0, 7);
  EXPECT_EQ(count("kernel_drops"), 12);
  EXPECT_EQ(world.events.count("kernel_drops packets=5"), 1U);
  EXPECT_EQ(world.events.lines().size(), 1U);
}

TEST_F(UdpSendersTest, APacketAllocatesNothing) {
  use("?rate=8000&encoding=mulaw");
  const std::vector<std::byte> bytes(160);
  send(4000, bytes);
  send(4001, bytes);
  const test::RealtimeScope scope;
  for (int i = 0; i < 20; ++i) {
    send(4000, bytes);
    send(4001, bytes);  // a stranger
  }
  const std::int64_t n_allocations = scope.allocations();
  EXPECT_EQ(n_allocations, 0);
  EXPECT_EQ(count("samples_accepted"), 21 * 160);
}

TEST_F(UdpSendersTest, TheEndIsTheSources) {
  use("?stream={id}-{n}");
  send(4000, 0, 320);
  send(4001, 0, 320);
  senders->end_all(core::EndReason::kShutdown, "the source was closed");
  EXPECT_EQ(taken("desk-1").end_reason, core::EndReason::kShutdown);
  EXPECT_EQ(taken("desk-2").end_reason, core::EndReason::kShutdown);
  EXPECT_EQ(count("samples_accepted"), 640);
}

}  // namespace
}  // namespace melstream::audio
