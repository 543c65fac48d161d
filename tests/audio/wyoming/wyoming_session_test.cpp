// What a peer says in the Wyoming protocol becomes streams; what cannot become one is answered with the remedy.
#include "melstream/audio/wyoming/wyoming_session.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/audio/peer_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace melstream::audio {
namespace {

using testing::HasSubstr;

std::string start_event(int rate, int width, int channels) {
  return R"({"type":"audio-start","data":{"rate":)" + std::to_string(rate) + R"(,"width":)" + std::to_string(width) +
         R"(,"channels":)" + std::to_string(channels) + "}}\n";
}

std::string chunk_event(std::span<const std::byte> audio, const std::string& data = "{}") {
  return R"({"type":"audio-chunk","data":)" + data + R"(,"payload_length":)" + std::to_string(audio.size()) + "}\n" +
         std::string(reinterpret_cast<const char*>(audio.data()), audio.size());
}

const std::string kStop = "{\"type\":\"audio-stop\"}\n";

class WyomingSessions : public testing::Test {
 protected:
  void open(const std::string& uri = "wyoming://127.0.0.1:0", const core::PcmFormat& channels = {}) {
    session_.reset();
    session_.emplace(fixture_.make_context(uri), channels, fixture_.now(), [this] { session_->take_over(); });
  }
  void say(std::string_view text) { session_->receive(std::as_bytes(std::span(text)), fixture_.now()); }
  void pass_s(std::int64_t seconds) {
    fixture_.clock.turn_s(seconds);
    session_->tick(fixture_.now());
  }

  test::PeerContextFixture fixture_;
  const PeerTotals& totals_ = fixture_.totals;
  std::optional<WyomingSession> session_;
};

TEST_F(WyomingSessions, ChunksBecomeTheStream) {
  open();
  const auto audio = test::counting_bytes(0, 1000);
  say(start_event(16000, 2, 1));
  EXPECT_EQ(session_->stream()->id(), "desk");
  for (std::size_t at = 0; at < audio.size(); at += 333) {  // also inside samples
    say(chunk_event(std::span(audio).subspan(at, std::min<std::size_t>(333, audio.size() - at)),
                    R"({"rate":16000,"width":2,"channels":1,"timestamp":12})"));
  }
  say(kStop);
  EXPECT_EQ(test::s16_of(fixture_.stream().taken[0].all_samples()), test::counting(0, 1000));
  EXPECT_EQ(fixture_.stream().taken[0].end_reason, core::EndReason::kCompleted);
  EXPECT_EQ(fixture_.stream().request.labels.at("room"), "1");
  EXPECT_FALSE(session_->is_over());
  EXPECT_EQ(totals_.messages, 9);
  EXPECT_EQ(totals_.bytes, 2000);
  EXPECT_EQ(totals_.samples.accepted, 1000);
  EXPECT_TRUE(fixture_.has_event(
      "sender_gone peer=127.0.0.1:0 stream=desk reason=it said that it was done samples_accepted=1000"));
}

TEST_F(WyomingSessions, OneConnectionMayStartSeveralStreamsInTurn) {
  open();
  for (int i = 0; i < 3; ++i) {
    say(start_event(16000, 2, 1));
    say(chunk_event(test::counting_bytes(i, 100)));
    say(kStop);
    EXPECT_EQ(test::s16_of(fixture_.stream().taken[0].all_samples()), test::counting(i, 100));
  }
  EXPECT_EQ(fixture_.recorder.all().size(), 3U);
}

TEST_F(WyomingSessions, WidthAndChannelsAreTheFormat) {
  open("wyoming://127.0.0.1:0?stream={id}-{n}", {.channel_mode = core::ChannelMode::kSplit});
  for (const auto& [width, encoding] :
       {std::pair(2, core::PcmEncoding::kLinear16), std::pair(3, core::PcmEncoding::kLinear24),
        std::pair(4, core::PcmEncoding::kLinear32)}) {
    say(start_event(48000, width, 2));
    const core::PcmFormat format = fixture_.stream("desk-7").request.format;
    EXPECT_EQ(format.encoding, encoding);
    EXPECT_EQ(format.sample_rate_hz, 48000);
    EXPECT_EQ(format.n_channels, 2);
    EXPECT_EQ(format.channel_mode, core::ChannelMode::kSplit);
    say(kStop);
  }
}

TEST_F(WyomingSessions, FormatsThatAreNotTakenAreRefused) {
  for (const auto& [event, text] : {std::pair(start_event(16000, 1, 1), "width 1 is not taken: send 2, 3 or 4 bytes"),
                                    std::pair(start_event(7999, 2, 1), "sample_rate_hertz is 7999"),
                                    std::pair(start_event(16000, 2, 9), "audio_channel_count is 9"),
                                    std::pair(std::string("{\"type\":\"audio-start\"}\n"), "must tell the format")}) {
    open();
    say(event);
    EXPECT_TRUE(session_->is_over());
    EXPECT_THAT(session_->take_output(), testing::AllOf(HasSubstr(R"("type":"error")"), HasSubstr(text)));
    EXPECT_THAT(fixture_.events(), HasSubstr(text));
  }
  EXPECT_EQ(totals_.refused, 4);
  EXPECT_TRUE(fixture_.recorder.all().empty());
}

TEST_F(WyomingSessions, EventsInAWrongOrderEndTheConnection) {
  const std::string start = start_event(16000, 2, 1);
  const auto audio = test::counting_bytes(0, 4);
  for (const auto& [events, text] :
       {std::pair(chunk_event(audio), "send audio-start with rate, width and channels first"),
        std::pair(start + start, "send audio-stop before it"),
        std::pair(start + chunk_event(audio, R"({"rate":8000})"), "another format than its audio-start"),
        std::pair(start + chunk_event(audio, R"({"channels":2})"), "another format than its audio-start"),
        std::pair(start + kStop + chunk_event(audio), "send audio-start"),
        std::pair(start + "nonsense\n", "no JSON object")}) {
    open();
    say(events);
    EXPECT_TRUE(session_->is_over()) << text;
    EXPECT_THAT(session_->take_output(), HasSubstr(text));
    EXPECT_EQ(session_->stream(), nullptr);
  }
  EXPECT_EQ(fixture_.stream().taken[0].end_reason, core::EndReason::kSourceLost);
}

TEST_F(WyomingSessions, ALiveIdIsRefusedWithTheRemedy) {
  open();
  const auto other = fixture_.recorder.opener()({.id = "desk"});
  say(start_event(16000, 2, 1));
  EXPECT_TRUE(session_->is_over());
  EXPECT_THAT(session_->take_output(), HasSubstr("stream={id}-{n}"));
}

TEST_F(WyomingSessions, AnswersQuestionsAndCountsWhatIsNotItsBusiness) {
  open();
  say("{\"type\":\"describe\"}\n");
  EXPECT_THAT(session_->take_output(), HasSubstr(R"("type":"info")"));
  say("{\"type\":\"ping\",\"data\":{\"text\":\"a\"}}\n");
  EXPECT_THAT(session_->take_output(), HasSubstr(R"("type":"pong")"));
  say("{\"type\":\"transcribe\",\"payload_length\":3}\nabc");
  EXPECT_FALSE(session_->has_output());
  EXPECT_EQ(totals_.ignored, 1);
  EXPECT_EQ(totals_.messages, 3);
}

TEST_F(WyomingSessions, APayloadOfAnotherEventIsNoAudio) {
  open();
  say(start_event(16000, 2, 1) + chunk_event(test::counting_bytes(0, 10)) +
      "{\"type\":\"other\",\"payload_length\":4}\nabcd" + chunk_event(test::counting_bytes(10, 10)) + kStop);
  EXPECT_EQ(test::s16_of(fixture_.stream().taken[0].all_samples()), test::counting(0, 20));
}

TEST_F(WyomingSessions, APeerThatLeavesIsLost) {
  open();
  say(start_event(16000, 2, 1) + chunk_event(test::counting_bytes(0, 10)));
  session_->peer_left();
  EXPECT_EQ(fixture_.stream().taken[0].end_reason, core::EndReason::kSourceLost);
  EXPECT_EQ(totals_.samples.accepted, 10);
}

TEST_F(WyomingSessions, SilentPeersAreClosed) {
  open();
  fixture_.clock.turn_s(9);
  say("{\"type\":");  // no event as long as it is not whole
  pass_s(0);
  EXPECT_FALSE(session_->is_over());
  pass_s(1);
  EXPECT_TRUE(session_->is_over());
  EXPECT_THAT(session_->take_output(), HasSubstr("no event within 10 s"));
}

TEST_F(WyomingSessions, StreamsWithoutAudioAreClosed) {
  open("wyoming://127.0.0.1:0?idle_timeout_s=20");
  say(start_event(16000, 2, 1));
  fixture_.clock.turn_s(19);
  say(chunk_event(test::counting_bytes(0, 10)));
  fixture_.clock.turn_s(19);
  say("{\"type\":\"ping\"}\n");  // no audio
  pass_s(0);
  EXPECT_FALSE(session_->is_over());
  pass_s(1);
  EXPECT_TRUE(session_->is_over());
  EXPECT_THAT(session_->take_output(), HasSubstr("no audio for 20.000 s (idle_timeout_s"));
  EXPECT_EQ(fixture_.stream().taken[0].end_reason, core::EndReason::kSourceLost);
  EXPECT_EQ(totals_.refused, 1);
}

TEST_F(WyomingSessions, BetweenStreamsEventsKeepItOpen) {
  open();
  say("{\"type\":\"describe\"}\n");
  for (int i = 0; i < 3; ++i) {
    pass_s(29);
    EXPECT_FALSE(session_->is_over());
    say("{\"type\":\"ping\"}\n");
  }
  pass_s(30);
  EXPECT_TRUE(session_->is_over());
  EXPECT_EQ(totals_.refused, 0) << "it did nothing wrong";
}

TEST_F(WyomingSessions, GivesTheStreamToWhoTakesItOver) {
  open();
  say(start_event(16000, 2, 1));
  const auto on_takeover = fixture_.stream().request.on_takeover;
  on_takeover();
  EXPECT_TRUE(test::eventually([&] {
    bool over = false;
    fixture_.net.call([&] { over = session_->is_over(); });
    return over;
  }));
  EXPECT_EQ(fixture_.stream().taken[0].end_reason, core::EndReason::kTakenOver);
  EXPECT_THAT(session_->take_output(), HasSubstr("taken_over"));
}

}  // namespace
}  // namespace melstream::audio
