// URIs of sources: what they mean, and what is said of those that mean nothing.
#include "melstream/audio/source_uri.hpp"

#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), core::ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.field(), "uri");
    return error.what();
  }
  return "";
}

std::string refusal_of(const std::string& uri) {
  return refusal([&] { parse_source_uri(uri); });
}

TEST(SourceUri, TakesDevicesAndFilesByTheirName) {
  EXPECT_EQ(parse_source_uri("mic:default").scheme, "mic");
  EXPECT_EQ(parse_source_uri("mic:default").path, "default");
  EXPECT_EQ(parse_source_uri("MIC:USB Audio: - (hw:1,0)").path, "USB Audio: - (hw:1,0)");
  EXPECT_EQ(parse_source_uri("file:/a/b%3f%25.wav?loop=true").path, "/a/b?%.wav");
  EXPECT_FALSE(parse_source_uri("file:x.wav").has_authority);
  EXPECT_FALSE(parse_source_uri("file:///a/x.wav").has_authority);
  EXPECT_EQ(parse_source_uri("file:///a/x.wav").path, "/a/x.wav");
}

TEST(SourceUri, TakesHostsAndPorts) {
  const SourceUri tcp = parse_source_uri("tcp://127.0.0.1:7000?rate=8000");
  EXPECT_TRUE(tcp.has_authority);
  EXPECT_EQ(tcp.host, "127.0.0.1");
  EXPECT_EQ(tcp.first_port, 7000);
  EXPECT_EQ(tcp.last_port, 7000);
  const SourceUri rtp = parse_source_uri("rtp://[::1]:20000-22999");
  EXPECT_EQ(rtp.host, "::1");
  EXPECT_EQ(rtp.first_port, 20000);
  EXPECT_EQ(rtp.last_port, 22999);
  const SourceUri ws = parse_source_uri("ws://localhost:8080/audio?x=1");
  EXPECT_EQ(ws.host, "localhost");
  EXPECT_EQ(ws.path, "/audio");
}

TEST(SourceUri, SaysWhatIsWrong) {
  EXPECT_EQ(refusal_of("default"),
            "'default' is no URI: write SCHEME:REST, such as mic:default or tcp://127.0.0.1:7000");
  EXPECT_EQ(refusal_of("tcp://127.0.0.1"), "'tcp://127.0.0.1': write tcp://HOST:PORT, such as tcp://127.0.0.1:7000");
  EXPECT_EQ(refusal_of("tcp://a:70000"), "'tcp://a:70000': port '70000' is not 0 to 65535");
  EXPECT_EQ(refusal_of("rtp://a:9-8"), "'rtp://a:9-8': ports '9-8' must be FIRST-LAST, with 1 <= FIRST <= LAST");
  EXPECT_EQ(refusal_of("tcp://::1:7"), "'tcp://::1:7': put an IPv6 address into brackets: [::1]:7000");
  EXPECT_EQ(refusal_of("tcp://a:1?rate"), "'rate': parameters are name=value");
  EXPECT_EQ(refusal_of("tcp://a:1?rate=1&rate=2"), "'rate' is there twice");
  EXPECT_EQ(refusal_of("tcp://u:p@a:1"),
            "'tcp://u:p@a:1': a source has no user and no password; write tcp://HOST:PORT");
  EXPECT_NE(refusal_of("file:a%2"), "");
  EXPECT_NE(refusal_of("file:a%00"), "");
  EXPECT_NE(refusal_of(std::string(5000, 'a')), "");
}

TEST(UriParams, GivesValuesInTheirRangeOrSaysIt) {
  UriParams params = parse_source_uri("x:?a=3&c=2.5&d=true").params;
  EXPECT_EQ(params.integer("a", 1, 0, 5), 3);
  EXPECT_EQ(params.integer("absent", 1, 0, 5), 1);
  EXPECT_EQ(params.number("c", 0, 0, 5), 2.5);
  EXPECT_TRUE(params.boolean("d", false));
  params.require_valid();
}

TEST(UriParams, TellsAllMistakesAtOnce) {
  UriParams params = parse_source_uri("x:?a=3&b=no&c=2.5").params;
  EXPECT_EQ(params.integer("b", 1, 0, 5), 1);
  EXPECT_EQ(params.integer("a", 1, 0, 2), 1);
  EXPECT_TRUE(params.boolean("b", true));
  EXPECT_EQ(params.number("c", 4, 3, 5), 4);
  EXPECT_EQ(refusal([&] { params.require_valid(); }),
            "b=no: must be 0 to 5; a=3: must be 0 to 2; b=no: must be false or true; c=2.5: must be 3 to 5");
}

TEST(UriParams, TellsWhatNobodyTook) {
  UriParams params = parse_source_uri("x:?rate=9&chanels=2&colour=red").params;
  static_cast<void>(take_format(params));
  EXPECT_EQ(refusal([&] { params.require_valid(); }),
            "rate=9: must be 8000 to 192000; unknown parameter 'chanels' (did you mean 'channels'?); unknown parameter "
            "'colour'; this kind of source has: rate, encoding, channels, channel");
}

TEST(TakeFormat, ReadsTheFourParameters) {
  UriParams params = parse_source_uri("x:?rate=48000&encoding=s24le&channels=2&channel=1").params;
  const core::PcmFormat format = take_format(params);
  EXPECT_EQ(format.sample_rate_hz, 48000);
  EXPECT_EQ(format.encoding, core::PcmEncoding::kLinear24);
  EXPECT_EQ(format.n_channels, 2);
  EXPECT_EQ(format.channel_mode, core::ChannelMode::kIndex);
  EXPECT_EQ(format.channel_index, 1);
  UriParams none;
  EXPECT_EQ(take_format(none).sample_rate_hz, 16000);
  UriParams split = parse_source_uri("x:?channel=split&channels=3").params;
  EXPECT_EQ(take_format(split).n_feeds(), 3);
  UriParams wrong = parse_source_uri("x:?channel=2&channels=2").params;
  static_cast<void>(take_format(wrong));
  EXPECT_EQ(refusal([&] { wrong.require_valid(); }),
            "channel=2: the audio has 2 channels, counted from 0 (say more with channels=)");
}

TEST(TakeConceal, KnowsThreeWays) {
  UriParams params = parse_source_uri("x:?conceal=hold").params;
  EXPECT_EQ(take_conceal(params), core::Conceal::kHold);
  UriParams none;
  EXPECT_EQ(take_conceal(none), core::Conceal::kNone);
}

TEST(IdTemplate, PutsValuesIn) {
  const IdTemplate calls("call-{ssrc}.{peer}", {"id", "ssrc", "peer"});
  EXPECT_TRUE(calls.uses("ssrc"));
  EXPECT_FALSE(calls.uses("id"));
  EXPECT_EQ(calls.id({{"ssrc", "1a2b3c4d"}, {"peer", "[::1]:4000"}}), "call-1a2b3c4d.---1--4000");
  EXPECT_EQ(IdTemplate("{id}", {"id"}).id({{"id", std::string(100, 'x')}}).size(), 100U);
  EXPECT_EQ(refusal([] {
              IdTemplate("a-{port}", {"id", "ssrc"});
            }),
            "stream=a-{port}: no placeholder '{port}'; there are {id or ssrc}");
  EXPECT_NE(refusal([] { IdTemplate("a-{port", {"id", "port"}); }), "");
  EXPECT_NE(refusal([] { IdTemplate("a b", {"id"}); }), "");
  EXPECT_NE(refusal([] { IdTemplate("", {"id"}); }), "");
}

}  // namespace
}  // namespace melstream::audio
