// A connection apart from its socket: what its bytes become, when it is closed, what is told.
#include "melstream/audio/net/tcp_sender.hpp"

#include <cerrno>
#include <map>
#include <optional>

#include <gtest/gtest.h>

#include "tests/audio/net/net_source_fixture.hpp"
#include "tests/audio/net_fixture.hpp"
#include "tests/support/realtime_scope.hpp"

namespace melstream::audio {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

struct TcpSenderTest : testing::Test {
  void use(const std::string& params) {
    sender.reset();
    tcp.emplace(parse_tcp_params({.id = "desk", .uri = {}, .labels = {{"room", "3"}}},
                                 parse_source_uri("tcp://127.0.0.1:7000" + params)));
    totals = {};
    sender = make(1);
  }
  std::unique_ptr<TcpSender> make(std::size_t number) {
    const PeerContext context{tcp->sender, world.parts, totals, test::any_port().with_port(4000), 7000, number};
    return std::make_unique<TcpSender>(context, tcp->options, world.clock.mono_ns(), [this] { ++n_closed; });
  }
  bool take(std::span<const std::byte> bytes) { return sender->take(bytes, world.clock.mono_ns()); }
  bool take(const std::string& text) { return take(bytes_of(text)); }
  bool check(double seconds, bool held_back = false) {
    world.clock.turn(seconds);
    return sender->check(world.clock.mono_ns(), held_back);
  }
  const test::Taken& taken(const std::string& id = "desk") { return world.recorder.find(id)->taken[0]; }

  test::NetSourceWorld world;
  std::optional<TcpParams> tcp;
  PeerTotals totals;
  std::unique_ptr<TcpSender> sender;
  int n_closed = 0;
};

TEST_F(TcpSenderTest, BytesBecomeTheSamplesOfItsStreamHoweverTheyAreCut) {
  for (const std::size_t n_at_once : {1U, 3U, 640U, 4096U}) {
    use("");
    const auto bytes = test::counting_bytes('{', 1000);  // begins with 7b 00: a brace, but no header
    for (std::size_t at = 0; at < bytes.size(); at += n_at_once) {
      ASSERT_TRUE(take(std::span(bytes).subspan(at, std::min(n_at_once, bytes.size() - at))));
    }
    EXPECT_FALSE(sender->take_end());
    EXPECT_EQ(taken().all_samples(), test::counting_samples('{', 1000));
    EXPECT_EQ(taken().end_reason, core::EndReason::kCompleted);
    EXPECT_EQ(totals.samples.accepted, 1000);
    EXPECT_EQ(totals.bytes, 2000);
  }
  EXPECT_EQ(world.events.lines()[0],
            "sender_connected peer=127.0.0.1:4000 stream=desk encoding=s16le rate=16000 channels=1");
  EXPECT_EQ(world.events.lines()[1],
            "sender_gone peer=127.0.0.1:4000 stream=desk reason=closed by the sender samples_accepted=1000 "
            "samples_dropped=0");
}

TEST_F(TcpSenderTest, TheFirstSampleIsAsOldAsItsReadIsLong) {
  use("");
  take(test::counting_bytes(0, 1600));  // 100 ms that came at once
  EXPECT_EQ(taken().segments[0].start.capture_mono_ns, world.clock.mono_ns() - 100'000'000);
}

TEST_F(TcpSenderTest, AHeaderNamesStreamFormatAndLabels) {
  use("?encoding=f32le");
  const std::string header =
      R"({"stream":"call","rate":48000,"encoding":"s16le","channels":2,"channel":1,"labels":{"room":"9","who":"x"}})"
      "\n";
  ASSERT_TRUE(take(header.substr(0, 20)));
  ASSERT_TRUE(take(header.substr(20) + std::string(3, '\0')));
  const core::StreamRequest& request = world.recorder.find("call")->request;
  EXPECT_EQ(request.format.sample_rate_hz, 48000);
  EXPECT_EQ(request.format.encoding, core::PcmEncoding::kLinear16);
  EXPECT_EQ(request.format.channel_index, 1);
  EXPECT_EQ(request.labels, (std::map<std::string, std::string>{{"room", "3"}, {"who", "x"}}));
  ASSERT_TRUE(take(std::string(1, '\0')));
  EXPECT_EQ(sender->session()->counters().accepted, 1);
}

TEST_F(TcpSenderTest, AHeaderThatLiesClosesTheConnectionWithAnExample) {
  use("");
  EXPECT_FALSE(take("{\"rate\":7}\n"));
  EXPECT_EQ(world.events.lines(),
            (std::vector<std::string>{"sender_refused peer=127.0.0.1:4000 reason=header: rate 7 must be 8000 to "
                                      "192000; a right one: " +
                                      std::string(kPcmHeaderExample)}));
  EXPECT_EQ(totals.refused, 1);
  EXPECT_TRUE(world.recorder.all().empty());
}

TEST_F(TcpSenderTest, ASecondOfOneIdIsRefusedWithTheRemedy) {
  use("");
  const auto first = std::move(sender);
  first->take(bytes_of("ab"), world.clock.mono_ns());
  sender = make(2);
  EXPECT_FALSE(take("ab"));
  EXPECT_EQ(world.events.count("reason=stream 'desk' is live; for several senders at once give each an id of its own: "
                               "stream={id}-{n}"),
            1U);
  EXPECT_NE(first->session(), nullptr);
}

TEST_F(TcpSenderTest, SeveralHaveTheNumbersOfTheirConnections) {
  use("?stream={id}-{n}");
  sender->take(bytes_of("ab"), world.clock.mono_ns());
  const auto second = make(2);
  second->take(bytes_of("ab"), world.clock.mono_ns());
  EXPECT_EQ(sender->session()->id(), "desk-1");
  EXPECT_EQ(second->session()->id(), "desk-2");
}

TEST_F(TcpSenderTest, OneThatSendsNothingIsClosedAfterTenSeconds) {
  use("");
  EXPECT_TRUE(check(9.9));
  EXPECT_FALSE(check(0.1));
  EXPECT_EQ(world.events.count("closed after 10 s in which it sent nothing"), 1U);
  use("");
  EXPECT_TRUE(take("{\"rate\""));
  EXPECT_TRUE(check(9.9));
  EXPECT_TRUE(take(":"));  // a byte now and then does not help
  EXPECT_FALSE(check(0.1));
  EXPECT_EQ(world.events.count("closed after 10 s in which its header did not come to an end"), 1U);
}

TEST_F(TcpSenderTest, OneThatFallsSilentIsLost) {
  use("?idle_timeout_s=5");
  take("abcd");
  EXPECT_TRUE(check(4.9));
  take("ab");
  EXPECT_TRUE(check(4.9));
  EXPECT_FALSE(check(0.1));
  EXPECT_EQ(taken().end_reason, core::EndReason::kSourceLost);
  EXPECT_EQ(world.events.count("reason=sent nothing for 5.000 s (idle_timeout_s) samples_accepted=3"), 1U);
}

TEST_F(TcpSenderTest, WithoutAnIdleTimeoutItMayBeSilentForEver) {
  use("?idle_timeout_s=0");
  take("ab");
  EXPECT_TRUE(check(86400));
}

TEST_F(TcpSenderTest, AResetIsALostSource) {
  use("");
  take("ab");
  sender->fail(ECONNRESET);
  EXPECT_EQ(taken().end_reason, core::EndReason::kSourceLost);
  EXPECT_EQ(world.events.count("reason=Connection reset by peer"), 1U);
}

TEST_F(TcpSenderTest, AnEndInsideASampleIsTold) {
  use("?encoding=s24le");
  take("abcd");
  EXPECT_FALSE(sender->take_end());
  EXPECT_EQ(taken().end_reason, core::EndReason::kCompleted);
  EXPECT_EQ(taken().all_samples().size(), 1U);
  EXPECT_EQ(world.events.count("inside a sample, which is forgotten: are encoding and channels right?"), 1U);
}

TEST_F(TcpSenderTest, ALoneBraceIsPcm) {
  use("?encoding=mulaw&rate=8000");
  EXPECT_TRUE(take("{"));
  EXPECT_EQ(sender->session(), nullptr);
  EXPECT_FALSE(sender->take_end());
  EXPECT_EQ(totals.samples.accepted, 1);
}

TEST_F(TcpSenderTest, ALookAtThePortIsNoFault) {
  use("");
  EXPECT_FALSE(sender->take_end());
  EXPECT_EQ(totals.refused, 0);
  EXPECT_EQ(world.events.lines(),
            std::vector<std::string>{"sender_gone peer=127.0.0.1:4000 reason=closed without sending anything"});
}

TEST_F(TcpSenderTest, AFastOneIsReadAsItsStreamHasRoom) {
  use("?pacing=fast");
  EXPECT_EQ(sender->room(), 4096U);
  std::int64_t n_sent = 0;
  while (sender->room() > 0) {
    const std::size_t n = sender->room() / 2;
    ASSERT_TRUE(take(test::counting_bytes(n_sent, n)));
    n_sent += static_cast<std::int64_t>(n);
  }
  EXPECT_TRUE(check(100, true));                                              // it waits for us
  EXPECT_EQ(taken().all_samples().size(), static_cast<std::size_t>(n_sent));  // drains
  EXPECT_GT(sender->room(), 0U);
  EXPECT_EQ(sender->session()->counters().dropped, 0);
  EXPECT_FALSE(sender->take_end());
}

TEST_F(TcpSenderTest, TheFirstFastReadFitsWhateverTheHeaderSays) {
  use("?pacing=fast&encoding=f32le&channels=8");
  std::string bytes = R"({"encoding":"mulaw","channels":1,"rate":8000})"
                      "\n";
  bytes.resize(sender->room(), 'u');
  ASSERT_TRUE(take(bytes));
  EXPECT_EQ(sender->session()->counters().dropped, 0);
}

TEST_F(TcpSenderTest, ALiveOneLosesWhatHasNoRoomAndSaysHowMuch) {
  use("");
  for (int i = 0; i < 3; ++i) take(test::counting_bytes(0, 16000));
  EXPECT_EQ(sender->room(), TcpSender::kMaxRead);
  const core::IngestCounters counters = sender->session()->counters();
  EXPECT_EQ(counters.offered, 48000);
  EXPECT_GT(counters.dropped, 30000);
  EXPECT_EQ(counters.accepted + counters.dropped, counters.offered);
  EXPECT_EQ(counters.dropped_by[static_cast<std::size_t>(core::GapReason::kCaptureOverflow)], counters.dropped);
}

TEST_F(TcpSenderTest, AReadAllocatesNothing) {
  use("");
  const auto bytes = test::counting_bytes(0, 321);
  take(bytes);
  const test::RealtimeScope scope;
  for (int i = 0; i < 20; ++i) take(std::span(bytes).first(641));
  const std::int64_t n_allocations = scope.allocations();
  EXPECT_EQ(n_allocations, 0);
  EXPECT_EQ(sender->session()->counters().accepted, 321 + 20 * 641 / 2);
}

TEST_F(TcpSenderTest, ATakeoverEndsItsStreamAndTheConnection) {
  use("");
  world.net.call([&] { take("ab"); });
  world.recorder.find("desk")->request.on_takeover();
  world.net.call([] {});
  EXPECT_EQ(n_closed, 1);
  EXPECT_EQ(taken().end_reason, core::EndReason::kTakenOver);
  EXPECT_EQ(sender->session(), nullptr);
}

TEST_F(TcpSenderTest, ARefusalByTheDaemonIsTold) {
  world.recorder.set_max_streams(0);
  use("");
  EXPECT_FALSE(take("ab"));
  EXPECT_EQ(world.events.count("sender_refused peer=127.0.0.1:4000 reason=all streams are in use"), 1U);
}

}  // namespace
}  // namespace melstream::audio
