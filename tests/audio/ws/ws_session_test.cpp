// A text message with the format, then audio; whatever else a peer does is answered with the remedy.
#include "melstream/audio/ws/ws_session.hpp"

#include <optional>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/audio/peer_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace melstream::audio {
namespace {

using testing::HasSubstr;

class WsSessions : public testing::Test {
 protected:
  void open(const std::string& uri = "ws://127.0.0.1:0", const core::PcmFormat& standard = {}) {
    session_.reset();
    session_.emplace(fixture_.make_context(uri), standard, fixture_.now(), [this] { session_->take_over(); });
  }
  void say(std::string_view text, bool last = true) { session_->receive_text(text, last, fixture_.now()); }
  void send(std::span<const std::byte> audio, bool last = true) {
    session_->receive_audio(audio, last, fixture_.now());
  }
  void pass_s(std::int64_t seconds) {
    fixture_.clock.turn_s(seconds);
    session_->tick(fixture_.now());
  }
  core::EndReason end_reason() { return fixture_.stream().taken[0].end_reason; }
  /// Closed with this code, and a text message that says why.
  void expect_closed(WsCode code, const std::string& why) {
    ASSERT_TRUE(session_->is_over()) << why;
    ASSERT_TRUE(session_->close());
    EXPECT_EQ(session_->close()->code, code) << why;
    EXPECT_LE(session_->close()->reason.size(), 123U);
    EXPECT_EQ(session_->stream(), nullptr);
    std::string all;
    for (std::string next = session_->next_output(); !next.empty(); next = session_->next_output()) all += next;
    EXPECT_THAT(all, HasSubstr(why));
  }

  test::PeerContextFixture fixture_;
  const PeerTotals& totals_ = fixture_.totals;
  std::optional<WsSession> session_;
};

TEST_F(WsSessions, MessagesBecomeTheStream) {
  open();
  say("{}");
  EXPECT_EQ(session_->next_output(), R"({"started":{"stream":"desk"}})");
  EXPECT_EQ(session_->next_output(), "");
  const auto audio = test::counting_bytes(0, 1000);
  for (std::size_t at = 0; at < audio.size(); at += 333) {  // also inside samples
    send(std::span(audio).subspan(at, std::min<std::size_t>(333, audio.size() - at)), at % 2 == 0);
  }
  session_->peer_closed(1000);
  EXPECT_EQ(test::s16_of(fixture_.stream().taken[0].all_samples()), test::counting(0, 1000));
  EXPECT_EQ(end_reason(), core::EndReason::kCompleted);
  EXPECT_EQ(fixture_.stream().request.labels.at("room"), "1");
  EXPECT_FALSE(session_->close()) << "the peer did";
  EXPECT_EQ(totals_.messages, 5);
  EXPECT_EQ(totals_.bytes, 2000);
  EXPECT_EQ(totals_.samples.accepted, 1000);
}

TEST_F(WsSessions, TheTextMessageIsTheFormat) {
  open("ws://127.0.0.1:0?stream={id}-{n}&conceal=hold", {.sample_rate_hz = 48000, .n_channels = 2});
  say(R"({"stream":"mine","enco)", false);
  EXPECT_EQ(session_->stream(), nullptr);
  say(R"(ding":"f32le","labels":{"room":"2","who":"me"}})");
  const core::StreamRequest& request = fixture_.stream("mine").request;
  EXPECT_EQ(request.format.encoding, core::PcmEncoding::kFloat32);
  EXPECT_EQ(request.format.sample_rate_hz, 48000);
  EXPECT_EQ(request.format.n_channels, 2);
  EXPECT_EQ(request.conceal, core::Conceal::kHold);
  EXPECT_EQ(request.labels.at("room"), "1") << "the source's own go first";
  EXPECT_EQ(request.labels.at("who"), "me");
}

TEST_F(WsSessions, WithoutANameTheTemplateGivesOne) {
  open("ws://127.0.0.1:0?stream=page-{n}-{port}-{peer}");
  say("{}");
  EXPECT_EQ(session_->stream()->id(), "page-7-4000-127.0.0.1-0");
}

TEST_F(WsSessions, OnlyACloseThatSaysSoCompletesTheStream) {
  for (const auto& [code, reason] :
       {std::pair(1000, core::EndReason::kCompleted), std::pair(1001, core::EndReason::kCompleted),
        std::pair(1005, core::EndReason::kCompleted), std::pair(1011, core::EndReason::kSourceLost),
        std::pair(4000, core::EndReason::kSourceLost)}) {
    open();
    say("{}");
    session_->peer_closed(static_cast<std::uint16_t>(code));
    EXPECT_EQ(end_reason(), reason) << code;
  }
  open();
  say("{}");
  session_->peer_left();
  EXPECT_EQ(end_reason(), core::EndReason::kSourceLost);
  EXPECT_EQ(totals_.refused, 0);
}

TEST_F(WsSessions, MessagesInAWrongOrderAreProtocolErrors) {
  open();
  send(test::counting_bytes(0, 10));
  expect_closed(WsCode::kProtocolError, R"(first send a text message such as {\"stream\")");
  EXPECT_TRUE(fixture_.recorder.all().empty());
  open();
  say("{}");
  say("{}");
  expect_closed(WsCode::kProtocolError, "the format is sent once");
  EXPECT_EQ(end_reason(), core::EndReason::kSourceLost);
  EXPECT_EQ(totals_.refused, 2);
}

TEST_F(WsSessions, FormatsThatAreWrongSayWhatIsRight) {
  for (const auto& [text, why] : {std::pair("hello", "no JSON object"), std::pair(R"({"rate":7999})", "8000 to 192000"),
                                  std::pair(R"({"encoding":"mp3"})", "s16le"), std::pair(R"({"rat":8000})", "'rat'")}) {
    open();
    say(text);
    expect_closed(WsCode::kUnsupported, why);
    EXPECT_THAT(fixture_.events(), HasSubstr(why));
  }
}

TEST_F(WsSessions, ATextWithoutEndIsNotKept) {
  open();
  for (int i = 0; i < 5 && !session_->is_over(); ++i) say(std::string(1024, ' '), false);
  expect_closed(WsCode::kUnsupported, "at most 4096");
}

TEST_F(WsSessions, ALiveIdIsRefusedWithTheRemedy) {
  open();
  const auto other = fixture_.recorder.opener()({.id = "desk"});
  say("{}");
  expect_closed(WsCode::kPolicy, "stream={id}-{n}");
}

TEST_F(WsSessions, AFullDaemonSaysTryAgain) {
  fixture_.recorder.set_max_streams(0);
  open();
  say("{}");
  expect_closed(WsCode::kTryAgain, "all streams are in use");
}

TEST_F(WsSessions, LongReasonsAreCutBetweenCharacters) {
  open();
  std::string id;
  for (int i = 0; i < 100; ++i) id += "\u00e9";
  const auto other = fixture_.recorder.opener()({.id = id});
  say(R"({"stream":")" + id + "\"}");
  ASSERT_TRUE(session_->close());
  const std::string reason = session_->close()->reason;
  EXPECT_GE(reason.size(), 122U);
  EXPECT_LE(reason.size(), 123U);
  EXPECT_EQ(reason.substr(reason.size() - 2), "\u00e9");
}

TEST_F(WsSessions, SilentPeersAreClosed) {
  open();
  pass_s(9);
  EXPECT_FALSE(session_->is_over());
  pass_s(1);
  expect_closed(WsCode::kPolicy, "no format within 10 s");
}

TEST_F(WsSessions, StreamsWithoutAudioAreClosed) {
  open("ws://127.0.0.1:0?idle_timeout_s=20");
  say("{}");
  pass_s(19);
  send(test::counting_bytes(0, 10));
  pass_s(19);
  send({});  // no audio
  EXPECT_FALSE(session_->is_over());
  pass_s(1);
  expect_closed(WsCode::kPolicy, "no audio for 20.000 s (idle_timeout_s");
  EXPECT_EQ(end_reason(), core::EndReason::kSourceLost);
}

TEST_F(WsSessions, TellsWhatItTookWhenTheSourceEnds) {
  open();
  say("{}");
  EXPECT_NE(session_->next_output(), "");
  send(test::counting_bytes(0, 10));
  session_->end(core::EndReason::kShutdown);
  EXPECT_EQ(end_reason(), core::EndReason::kShutdown);
  expect_closed(WsCode::kGoingAway, R"({"ended":{"dropped":0,"samples":10}})");
  EXPECT_TRUE(fixture_.has_event(
      "sender_gone peer=127.0.0.1:0 stream=desk reason=the daemon shuts down samples_accepted=10 samples_dropped=0"));
}

TEST_F(WsSessions, GivesTheStreamToWhoTakesItOver) {
  open();
  say("{}");
  const auto on_takeover = fixture_.stream().request.on_takeover;
  on_takeover();
  EXPECT_TRUE(test::eventually([&] {
    bool over = false;
    fixture_.net.call([&] { over = session_->is_over(); });
    return over;
  }));
  EXPECT_EQ(end_reason(), core::EndReason::kTakenOver);
  expect_closed(WsCode::kPolicy, "ended");
}

TEST_F(WsSessions, WhatComesAfterTheEndIsIgnored) {
  open();
  say("{}");
  session_->end(core::EndReason::kCompleted);
  say("{}");
  send(test::counting_bytes(0, 10));
  session_->peer_closed(1011);
  session_->peer_left("x");
  pass_s(100);
  EXPECT_EQ(totals_.samples.accepted, 0);
  EXPECT_EQ(totals_.refused, 0);
  EXPECT_EQ(fixture_.recorder.all().size(), 1U);
}

}  // namespace
}  // namespace melstream::audio
