// The source over real sockets: peers come, speak, crash and stay silent, and no other peer notices.
#include "melstream/audio/wyoming/wyoming_kind.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

#include "tests/audio/peer_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace melstream::audio {
namespace {

using testing::HasSubstr;

const std::string kStart = R"({"type":"audio-start","data":{"rate":16000,"width":2,"channels":1}})"
                           "\n";
const std::string kStop = "{\"type\":\"audio-stop\"}\n";

void send_chunk(test::TcpPeer& peer, std::span<const std::byte> audio) {
  peer.send(R"({"type":"audio-chunk","payload_length":)" + std::to_string(audio.size()) + "}\n");
  peer.send(audio);
}

class WyomingSources : public testing::Test {
 protected:
  void open(const std::string& params = "") {
    source_ = fixture_.open(wyoming_kind(), "wyoming://127.0.0.1:0" + params);
    port_ = test::port_of(*source_);
  }
  test::RecordedStream* stream(const std::string& id) { return fixture_.recorder.find(id); }
  bool has_ended(const std::string& id) {
    return test::eventually([&] { return stream(id) != nullptr && stream(id)->ended(); });
  }
  std::int64_t count(std::string_view name) { return test::counter(source_->status(), name); }

  test::PeerFixture fixture_;
  std::unique_ptr<Source> source_;
  std::uint16_t port_ = 0;
};

TEST_F(WyomingSources, TakeAudioAndAnswer) {
  open();
  EXPECT_EQ(source_->status().state, core::SourceState::kWaiting);
  test::TcpPeer peer(port_);
  peer.send("{\"type\":\"describe\"}\n");
  EXPECT_THAT(peer.receive_until("\n"), HasSubstr(R"("type":"info")"));
  peer.send(kStart);
  EXPECT_TRUE(test::eventually([&] { return source_->status().state == core::SourceState::kLive; }));
  EXPECT_EQ(source_->status().streams, std::vector<std::string>{"desk"});
  const auto audio = test::counting_bytes(0, 8000);
  for (std::size_t at = 0; at < audio.size(); at += 640) send_chunk(peer, std::span(audio).subspan(at, 640));
  peer.send(kStop);
  ASSERT_TRUE(has_ended("desk"));
  EXPECT_EQ(test::s16_of(stream("desk")->taken[0].all_samples()), test::counting(0, 8000));
  EXPECT_EQ(stream("desk")->taken[0].end_reason, core::EndReason::kCompleted);
  EXPECT_EQ(count("connections"), 1);
  EXPECT_EQ(count("messages"), 28);
  EXPECT_EQ(count("bytes"), 16000);
  EXPECT_EQ(count("samples_accepted"), 8000);
  EXPECT_EQ(source_->status().state, core::SourceState::kWaiting);
}

TEST_F(WyomingSources, PeersThatCrashHarmNobodyElse) {
  open("?stream={id}-{n}");
  test::TcpPeer good(port_);
  good.send(kStart);
  ASSERT_TRUE(test::eventually([&] { return stream("desk-1") != nullptr; }));
  test::TcpPeer crashing(port_);
  crashing.send(kStart);
  ASSERT_TRUE(test::eventually([&] { return stream("desk-2") != nullptr; }));
  test::TcpPeer talking(port_);
  talking.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_THAT(talking.receive_all(), HasSubstr("no JSON object"));
  crashing.reset();
  ASSERT_TRUE(has_ended("desk-2"));
  EXPECT_EQ(stream("desk-2")->taken[0].end_reason, core::EndReason::kSourceLost);
  send_chunk(good, test::counting_bytes(0, 100));
  good.send(kStop);
  ASSERT_TRUE(has_ended("desk-1"));
  EXPECT_EQ(test::s16_of(stream("desk-1")->taken[0].all_samples()), test::counting(0, 100));
  EXPECT_EQ(count("connections_refused"), 1);
}

TEST_F(WyomingSources, SilentPeersAreClosed) {
  open();
  test::TcpPeer peer(port_);
  ASSERT_TRUE(test::eventually([&] { return count("connections") == 1; }));
  fixture_.clock.turn_s(10);
  EXPECT_THAT(peer.receive_all(), HasSubstr("no event within 10 s"));
}

TEST_F(WyomingSources, TooManyPeersAreRefused) {
  open("?max_connections=2");
  test::TcpPeer one(port_);
  test::TcpPeer two(port_);
  ASSERT_TRUE(test::eventually([&] { return count("connections") == 2; }));
  test::TcpPeer three(port_);
  EXPECT_EQ(three.receive_all(), "");
  EXPECT_TRUE(fixture_.has_event("reason=2 connections are open (max_connections)"));
  one.close();
  EXPECT_TRUE(test::eventually([&] {
    test::TcpPeer four(port_);
    four.send("{\"type\":\"describe\"}\n");
    try {
      return !four.receive().empty();
    } catch (const std::runtime_error&) {
      return false;
    }
  }));
}

TEST_F(WyomingSources, PeersFromElsewhereAreRefused) {
  open("?allow_from=10.0.0.0/8");
  test::TcpPeer peer(port_);
  EXPECT_EQ(peer.receive_all(), "");
  EXPECT_TRUE(fixture_.has_event("allow_from"));
}

TEST_F(WyomingSources, SayGoodbyeWhenTheyEnd) {
  open();
  test::TcpPeer peer(port_);
  peer.send(kStart);
  send_chunk(peer, test::counting_bytes(0, 100));
  ASSERT_TRUE(test::eventually([&] { return count("samples_accepted") == 100; }));
  source_->end(core::EndReason::kShutdown);
  ASSERT_TRUE(has_ended("desk"));
  EXPECT_EQ(stream("desk")->taken[0].end_reason, core::EndReason::kShutdown);
  EXPECT_THAT(peer.receive_all(), HasSubstr("the source was closed"));
  EXPECT_EQ(source_->status().state, core::SourceState::kEnded);
  EXPECT_THROW(test::TcpPeer{port_}, std::runtime_error);
}

TEST_F(WyomingSources, EndTheirStreamsWhenTheyAreDestroyed) {
  open();
  test::TcpPeer peer(port_);
  peer.send(kStart);
  ASSERT_TRUE(test::eventually([&] { return stream("desk") != nullptr; }));
  source_.reset();
  ASSERT_TRUE(has_ended("desk"));
  EXPECT_EQ(stream("desk")->taken[0].end_reason, core::EndReason::kSourceLost);
}

TEST_F(WyomingSources, APeerThatReadsNothingCostsOneAnswer) {
  open();
  test::TcpPeer peer(port_);
  std::string questions;
  for (int i = 0; i < 1000; ++i) questions += "{\"type\":\"describe\"}\n";
  // Far more answers than the kernel's buffers hold: the source stops to read, then closes it.
  EXPECT_TRUE(test::eventually([&] {
    if (peer.send_some(questions)) return false;
    fixture_.clock.turn_s(1);
    return source_->status().detail.ends_with(" 0 connections");
  }));
}

TEST_F(WyomingSources, UrisThatAreWrongAreToldSo) {
  for (const std::string params : {"?rate=8000", "?stream={ssrc}", "?max_connections=0", "?idle_timeout_s=never"}) {
    const std::string uri = "wyoming://127.0.0.1:0" + params;
    EXPECT_THROW(wyoming_kind().check({.id = "desk", .uri = uri}, parse_source_uri(uri)), core::Error) << uri;
  }
  EXPECT_THROW(fixture_.open(wyoming_kind(), "wyoming://0.0.0.0:0"), core::Error);
  open();
  EXPECT_THROW(fixture_.open(wyoming_kind(), "wyoming://127.0.0.1:" + std::to_string(port_)), core::Error);
}

}  // namespace
}  // namespace melstream::audio
