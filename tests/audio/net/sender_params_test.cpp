// Parameters of tcp:// and udp://, and the numbers of senders.
#include "melstream/audio/peer/sender_params.hpp"

#include <string>

#include <gtest/gtest.h>

#include "melstream/audio/net/net_sources.hpp"
#include "melstream/audio/net/tcp_sender.hpp"
#include "melstream/audio/net/udp_senders.hpp"
#include "melstream/core/error.hpp"

#include "tests/audio/net_fixture.hpp"

namespace melstream::audio {
namespace {

const core::SourceSpec kSpec{.id = "desk", .uri = {}, .labels = {{"room", "3"}}};

/// What check() of a kind says; empty: nothing.
std::string complaint(const SourceKind& kind, const std::string& text) {
  try {
    kind.check(kSpec, parse_source_uri(text));
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), core::ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.field(), "uri");
    return error.what();
  }
  return {};
}

TEST(SenderParams, HaveTheirDefaults) {
  const TcpParams tcp = parse_tcp_params(kSpec, parse_source_uri("tcp://127.0.0.1:7000"));
  EXPECT_EQ(tcp.options.format.sample_rate_hz, 16000);
  EXPECT_EQ(tcp.sender.idle_ns, 30'000'000'000);
  EXPECT_EQ(tcp.sender.max_senders, 64U);
  EXPECT_TRUE(tcp.sender.has_one_id());
  EXPECT_EQ(tcp.options.header, HeaderMode::kAuto);
  EXPECT_FALSE(tcp.options.fast);
}

TEST(SenderParams, AreTaken) {
  const TcpParams tcp = parse_tcp_params(
      kSpec, parse_source_uri("tcp://127.0.0.1:7000?rate=8000&encoding=mulaw&channels=2&channel=split&conceal=hold&"
                              "stream={id}-{port}-{n}&header=required&pacing=fast&idle_timeout_s=0.5&"
                              "max_connections=3&allow_from=127.0.0.0/8"));
  EXPECT_EQ(tcp.options.format.n_feeds(), 2);
  EXPECT_EQ(tcp.sender.conceal, core::Conceal::kHold);
  EXPECT_EQ(tcp.sender.idle_ns, 500'000'000);
  EXPECT_EQ(tcp.sender.max_senders, 3U);
  EXPECT_FALSE(tcp.sender.has_one_id());
  EXPECT_EQ(tcp.options.header, HeaderMode::kRequired);
  EXPECT_TRUE(tcp.options.fast);
  const core::StreamRequest request = tcp.sender.request(2, 7000, test::any_port().with_port(4000), tcp.options.format);
  EXPECT_EQ(request.id, "desk-7000-2");
  EXPECT_EQ(request.labels, kSpec.labels);
}

TEST(SenderParams, ThePeerIsAnIdToo) {
  const UdpParams udp = parse_udp_params(kSpec, parse_source_uri("udp://127.0.0.1:7000?stream=a-{peer}"));
  EXPECT_EQ(udp.sender.request(1, 7000, test::any_port().with_port(4000), udp.format).id, "a-127.0.0.1-4000");
}

TEST(SenderParams, MistakesAreNamed) {
  EXPECT_NE(complaint(tcp_kind(), "tcp://127.0.0.1:7000?header=maybe").find("header=maybe"), std::string::npos);
  EXPECT_NE(complaint(tcp_kind(), "tcp://127.0.0.1:7000?stream={ssrc}").find("{ssrc}"), std::string::npos);
  EXPECT_NE(complaint(tcp_kind(), "tcp://127.0.0.1:7000?idle=3").find("unknown parameter 'idle'"), std::string::npos);
  EXPECT_NE(complaint(tcp_kind(), "tcp:7000").find("tcp://HOST:PORT"), std::string::npos);
  EXPECT_NE(complaint(udp_kind(), "udp://127.0.0.1:7000?sequence=rtp").find("rtp://"), std::string::npos);
  EXPECT_NE(complaint(udp_kind(), "udp://127.0.0.1:7000?header=none").find("unknown parameter"), std::string::npos);
  EXPECT_EQ(complaint(udp_kind(), "udp://127.0.0.1:7000?sequence=none"), "");
  EXPECT_EQ(complaint(tcp_kind(), "tcp://0.0.0.0:7000"), "");  // allowed or not, make() knows
}

TEST(SenderNumbers, AreTheSmallestThatAreFree) {
  SenderNumbers numbers;
  EXPECT_EQ(numbers.take(), 1U);
  EXPECT_EQ(numbers.take(), 2U);
  EXPECT_EQ(numbers.take(), 3U);
  numbers.give_back(2);
  EXPECT_EQ(numbers.take(), 2U);
  EXPECT_EQ(numbers.take(), 4U);
}

}  // namespace
}  // namespace melstream::audio
