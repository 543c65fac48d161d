// The source over real sockets: handshakes, frames, limits, and peers that come, crash, stay silent and vanish.
#include "melstream/audio/ws/ws_kind.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

#include "tests/audio/ws/ws_peer.hpp"
#include "tests/support/eventually.hpp"

namespace melstream::audio {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class WsSources : public testing::Test {
 protected:
  void open(const std::string& params = "") {
    source_ = fixture_.open(ws_kind(), "ws://127.0.0.1:0" + params);
    port_ = test::port_of(*source_);
  }
  test::RecordedStream* stream(const std::string& id) { return fixture_.recorder.find(id); }
  bool has_ended(const std::string& id) {
    return test::eventually([&] { return stream(id) != nullptr && stream(id)->ended(); });
  }
  core::EndReason end_reason(const std::string& id) { return stream(id)->taken[0].end_reason; }
  std::int64_t count(std::string_view name) { return test::counter(source_->status(), name); }

  test::PeerFixture fixture_;
  std::unique_ptr<Source> source_;
  std::uint16_t port_ = 0;
};

TEST_F(WsSources, TakeAudioUntilThePeerCloses) {
  open();
  test::WsPeer peer(port_);
  EXPECT_EQ(peer.start(R"({"rate":16000})"), R"({"started":{"stream":"desk"}})");
  EXPECT_EQ(source_->status().state, core::SourceState::kLive);
  EXPECT_EQ(source_->status().streams, std::vector<std::string>{"desk"});
  const auto audio = test::counting_bytes(0, 8000);
  std::size_t n_messages = 1;
  for (std::size_t at = 0; at < audio.size(); at += 1001, ++n_messages) {
    peer.send_audio(std::span(audio).subspan(at, std::min<std::size_t>(1001, audio.size() - at)));
  }
  peer.send(test::ws_frame(test::kCloseFrame, test::ws_close_payload(1000)));
  EXPECT_EQ(peer.close_frame().code(), 1000);
  ASSERT_TRUE(has_ended("desk"));
  EXPECT_EQ(test::s16_of(stream("desk")->taken[0].all_samples()), test::counting(0, 8000));
  EXPECT_EQ(end_reason("desk"), core::EndReason::kCompleted);
  EXPECT_EQ(count("connections"), 1);
  EXPECT_EQ(count("messages"), static_cast<std::int64_t>(n_messages));
  EXPECT_EQ(count("bytes"), 16000);
  EXPECT_EQ(count("samples_accepted"), 8000);
  EXPECT_EQ(count("connections_refused"), 0);
}

TEST_F(WsSources, FragmentsAndControlFramesBetweenThemAreOneMessage) {
  open();
  test::WsPeer peer(port_);
  peer.start();
  const auto audio = test::counting_bytes(0, 300);
  const std::string bytes(reinterpret_cast<const char*>(audio.data()), audio.size());
  peer.send(test::ws_frame(test::kBinaryFrame, bytes.substr(0, 301), false));
  peer.send(test::ws_frame(test::kPingFrame, "hey"));
  peer.send(test::ws_frame(0, bytes.substr(301, 0), false));
  peer.send(test::ws_frame(0, bytes.substr(301)));
  EXPECT_EQ(peer.next().payload, "hey");
  peer.send(test::ws_frame(test::kCloseFrame, ""));
  ASSERT_TRUE(has_ended("desk"));
  EXPECT_EQ(test::s16_of(stream("desk")->taken[0].all_samples()), test::counting(0, 300));
  EXPECT_EQ(end_reason("desk"), core::EndReason::kCompleted) << "a close without a code";
  EXPECT_EQ(count("messages"), 2);
}

TEST_F(WsSources, APeerThatClosesButStaysConnectedEndsItsStream) {
  open();
  test::WsPeer peer(port_);
  peer.start();
  peer.send(test::ws_frame(test::kCloseFrame, test::ws_close_payload(1001)));
  ASSERT_TRUE(has_ended("desk"));
  EXPECT_EQ(peer.close_frame().code(), 1001);
  EXPECT_EQ(peer.receive_all(), "") << "closed after two seconds at most";
}

TEST_F(WsSources, PagesAreRefusedUnlessTheirOriginIsListed) {
  open("/mic?origins=http://localhost:8000");
  const auto status = [&](std::string_view target, std::string_view more, std::string_view host = {}) {
    return test::WsPeer(port_).ask(target, more, host).substr(0, 12);
  };
  EXPECT_EQ(status("/mic", ""), "HTTP/1.1 101");
  EXPECT_EQ(status("/mic?x", "Origin: http://localhost:8000\r\n"), "HTTP/1.1 101");
  EXPECT_EQ(status("/mic", "Origin: https://evil.example\r\n"), "HTTP/1.1 403");
  EXPECT_EQ(status("/mic", "Origin: http://localhost:8000\r\nOrigin: https://evil.example\r\n"), "HTTP/1.1 403");
  EXPECT_EQ(status("/mic", "", "evil.example:" + std::to_string(port_)), "HTTP/1.1 403");
  EXPECT_EQ(status("/mic", "Host: evil.example\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(status("/", ""), "HTTP/1.1 404");
  EXPECT_EQ(count("connections_refused"), 5);
  EXPECT_THAT(fixture_.events(), HasSubstr("pages of Origin 'https://evil.example' may not send audio"));
  EXPECT_TRUE(fixture_.recorder.all().empty());
}

TEST_F(WsSources, WhatIsNoWebSocketIsAnsweredInHttp) {
  open();
  const std::string host = "Host: 127.0.0.1:" + std::to_string(port_) + "\r\n";
  const auto answer = [&](const std::string& text) {
    test::TcpPeer peer(port_);
    peer.send(text);
    return peer.receive_all();
  };
  const std::string plain = answer("GET / HTTP/1.1\r\n" + host + "\r\n");
  EXPECT_THAT(plain, StartsWith("HTTP/1.1 426"));
  EXPECT_THAT(plain, HasSubstr("takes audio by WebSocket"));
  EXPECT_THAT(answer("hello\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(answer("GET / HTTP/1.1\r\n" + host + "X: " + std::string(9000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(answer("GET / HTTP/1.1\r\n" + host + "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
              StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(answer(test::ws_request("/", "127.0.0.1:" + std::to_string(port_)) + test::ws_frame(1, "{}")),
              StartsWith("HTTP/1.1 400"));
  EXPECT_EQ(count("connections_refused"), 5);
}

TEST_F(WsSources, NothingIsCompressed) {
  open();
  test::WsPeer peer(port_);
  const std::string header = peer.ask("/", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
  EXPECT_THAT(header, StartsWith("HTTP/1.1 101"));
  EXPECT_THAT(header, testing::Not(HasSubstr("deflate")));
}

TEST_F(WsSources, FaultsOfTheProtocolCloseItWithACode) {
  open("?stream={id}-{n}");
  const auto code = [&](const std::string& frames) {
    test::WsPeer peer(port_);
    peer.start();
    peer.send(frames);
    return peer.close_frame().code();
  };
  EXPECT_EQ(code(test::ws_frame(test::kTextFrame, "{}")), 1002) << "a second text message";
  EXPECT_EQ(code(std::string("\x82\x02"
                             "ab",
                             4)),
            1002)
      << "not masked";
  EXPECT_EQ(code(test::ws_frame(3, "x")), 1002) << "an opcode that is not there";
  EXPECT_EQ(code(std::string("\xc2\x80"
                             "mask",
                             6)),
            1002)
      << "a compressed frame";
  EXPECT_EQ(code(std::string("\x82\xff\0\0\0\0\0\4\0\1mask", 14)), 1009) << "256 KiB and one byte, claimed";
  EXPECT_EQ(code(test::ws_frame(test::kBinaryFrame, std::string(200'000, 'x'), false) +
                 test::ws_frame(0, std::string(70'000, 'x'))),
            1009);
  // Beast waits for the peer to hang up before it tells of a fault.
  EXPECT_TRUE(test::eventually([&] { return count("connections_refused") == 6; }));
  const auto streams = fixture_.recorder.all();
  ASSERT_EQ(streams.size(), 6U);
  for (const test::RecordedStream* stream : streams) {
    ASSERT_TRUE(stream->ended()) << stream->request.id;
    EXPECT_EQ(stream->taken[0].end_reason, core::EndReason::kSourceLost);
  }
  test::WsPeer wordless(port_);
  ASSERT_THAT(wordless.ask(), HasSubstr(test::kWsAccept));
  wordless.send_audio(test::counting_bytes(0, 10));
  EXPECT_EQ(wordless.close_frame().code(), 1002) << "audio before its format";
}

TEST_F(WsSources, TheCloseSaysWhatToDo) {
  open();
  test::WsPeer peer(port_);
  EXPECT_THAT(peer.start("16000"), HasSubstr("{\\\"stream\\\":\\\"desk\\\""));
  const auto frame = peer.close_frame();
  EXPECT_EQ(frame.code(), 1003);
  EXPECT_THAT(frame.payload.substr(2), HasSubstr("must be an object"));
  peer.send(test::ws_frame(test::kCloseFrame, test::ws_close_payload(1003)));
  EXPECT_EQ(peer.receive_all(), "");
}

TEST_F(WsSources, PeersThatCrashHarmNobodyElse) {
  open("?stream={id}-{n}");
  test::WsPeer good(port_);
  good.start();
  test::WsPeer crashing(port_);
  crashing.start();
  crashing.reset();
  ASSERT_TRUE(has_ended("desk-2"));
  EXPECT_EQ(end_reason("desk-2"), core::EndReason::kSourceLost);
  good.send_audio(test::counting_bytes(0, 100));
  EXPECT_TRUE(test::eventually([&] { return count("samples_accepted") == 100; }));
  good.close();
  ASSERT_TRUE(has_ended("desk-1"));
  EXPECT_EQ(end_reason("desk-1"), core::EndReason::kSourceLost) << "without a close frame";
}

TEST_F(WsSources, SlowHandshakesAreCut) {
  open();
  test::TcpPeer peer(port_);
  peer.send("GET / HTTP/1.1\r\nHost:");
  ASSERT_TRUE(test::eventually([&] { return count("connections") == 1; }));
  fixture_.clock.turn_s(5);
  EXPECT_EQ(peer.receive_all(), "");
  EXPECT_TRUE(test::eventually([&] { return fixture_.has_event("no WebSocket within 5 s"); }));
}

TEST_F(WsSources, VanishedPeersAreFoundByPings) {
  open("?idle_timeout_s=0");
  test::WsPeer peer(port_);
  peer.start();
  fixture_.clock.turn_s(20);
  EXPECT_EQ(peer.next().opcode, test::kPingFrame);
  peer.send(test::ws_frame(test::kPongFrame, ""));
  peer.send_audio(test::counting_bytes(0, 10));  // the pong has been heard once this is
  ASSERT_TRUE(test::eventually([&] { return count("samples_accepted") == 10; }));
  fixture_.clock.turn_s(39);
  EXPECT_EQ(peer.next().opcode, test::kPingFrame);
  EXPECT_EQ(source_->status().state, core::SourceState::kLive);
  fixture_.clock.turn_s(1);
  EXPECT_EQ(peer.receive_all(), "");
  ASSERT_TRUE(has_ended("desk"));
  EXPECT_EQ(end_reason("desk"), core::EndReason::kSourceLost);
  EXPECT_THAT(fixture_.events(), HasSubstr("nothing heard for 40 s"));
}

TEST_F(WsSources, SayGoodbyeWhenTheyEnd) {
  open();
  test::WsPeer peer(port_);
  peer.start();
  peer.send_audio(test::counting_bytes(0, 100));
  ASSERT_TRUE(test::eventually([&] { return count("samples_accepted") == 100; }));
  source_->end(core::EndReason::kShutdown);
  source_.reset();
  ASSERT_TRUE(has_ended("desk"));
  EXPECT_EQ(end_reason("desk"), core::EndReason::kShutdown);
  peer.send_audio(test::counting_bytes(0, 100));  // under way, as it were
  EXPECT_EQ(peer.next().payload, R"({"ended":{"dropped":0,"samples":100}})");
  EXPECT_EQ(peer.close_frame().code(), 1001);
}

TEST_F(WsSources, EndTheirStreamsWhenTheyAreDestroyed) {
  open();
  test::WsPeer peer(port_);
  peer.start();
  const test::WsPeer unfinished(port_);
  source_.reset();
  ASSERT_TRUE(has_ended("desk"));
  EXPECT_EQ(end_reason("desk"), core::EndReason::kSourceLost);
}

TEST_F(WsSources, TooManyPeersAreRefused) {
  open("?max_connections=1");
  test::WsPeer one(port_);
  one.start();
  test::TcpPeer two(port_);
  EXPECT_EQ(two.receive_all(), "");
  EXPECT_TRUE(fixture_.has_event("1 connections are open (max_connections)"));
}

TEST_F(WsSources, RefusedPeersCountAsLongAsTheyStayConnected) {
  open("?max_connections=1");
  test::WsPeer refused(port_);
  ASSERT_THAT(refused.ask("/", "Origin: https://evil.example\r\n"), StartsWith("HTTP/1.1 403"));
  EXPECT_EQ(test::TcpPeer(port_).receive_all(), "") << "no room";
  refused.close();
  EXPECT_TRUE(test::eventually([&] { return source_->status().detail.ends_with(" 0 connections"); }));
  EXPECT_THAT(test::WsPeer(port_).ask(), StartsWith("HTTP/1.1 101"));
}

TEST_F(WsSources, UrisThatAreWrongAreToldSo) {
  for (const std::string params : {"?origins=*", "?stream={ssrc}", "?rate=1", "?origin=https://a", "?encoding=mp3"}) {
    const std::string uri = "ws://127.0.0.1:0" + params;
    EXPECT_THROW(ws_kind().check({.id = "desk", .uri = uri}, parse_source_uri(uri)), core::Error) << uri;
  }
  EXPECT_THROW(fixture_.open(ws_kind(), "ws://0.0.0.0:0"), core::Error);
}

}  // namespace
}  // namespace melstream::audio
