// A sender's session: its stream, who takes it over, and what remains of it in the counters.
#include "melstream/audio/pcm_session.hpp"

#include <gtest/gtest.h>

#include "melstream/audio/net_loop.hpp"
#include "melstream/core/error.hpp"

#include "tests/audio/ingest_fixture.hpp"
#include "tests/audio/stream_recorder.hpp"

namespace melstream::audio {
namespace {

struct Fixture : testing::Test {
  test::TurnedClock clock;
  test::StreamRecorder recorder{clock};
  NetLoop net;
  SourceParts parts{recorder.opener(), clock, [](const SourceEvent&) {}, net};
};
using PcmSessionTest = Fixture;

TEST_F(PcmSessionTest, BytesCutAnywhereBecomeItsStream) {
  PcmSession session({.id = "a"}, parts, [] {});
  const auto bytes = test::counting_bytes(1, 100);
  session.push(std::span(bytes).first(33), clock.mono);
  EXPECT_TRUE(session.is_inside_sample());
  session.push(std::span(bytes).subspan(33), clock.mono);
  EXPECT_FALSE(session.is_inside_sample());
  session.end(core::EndReason::kCompleted);
  session.end(core::EndReason::kSourceLost);
  const auto* const stream = recorder.find("a");
  ASSERT_NE(stream, nullptr);
  ASSERT_EQ(stream->taken[0].all_samples().size(), 100U);
  EXPECT_EQ(stream->taken[0].all_samples()[99], 100.0F / 32768.0F);
  EXPECT_EQ(stream->taken[0].end_reason, core::EndReason::kCompleted);
  EXPECT_EQ(session.counters().accepted, 100);
}

TEST_F(PcmSessionTest, ForgottenItIsLost) {
  {
    PcmSession session({.id = "a"}, parts, [] {});
  }
  EXPECT_EQ(recorder.find("a")->taken[0].end_reason, core::EndReason::kSourceLost);
}

TEST_F(PcmSessionTest, SplitChannelsAreStreamsOfTheirOwn) {
  PcmSession split({.id = "a", .format = {.n_channels = 2, .channel_mode = core::ChannelMode::kSplit}}, parts, [] {});
  EXPECT_EQ(split.stream_ids(), (std::vector<std::string>{"a.0", "a.1"}));
  PcmSession one({.id = "b"}, parts, [] {});
  EXPECT_EQ(one.stream_ids(), std::vector<std::string>{"b"});
}

TEST_F(PcmSessionTest, ATakeoverIsToldOnTheThreadOfSockets) {
  std::thread::id where;
  PcmSession session({.id = "a"}, parts, [&] {
    where = std::this_thread::get_id();
    session.end(core::EndReason::kTakenOver);
  });
  recorder.find("a")->request.on_takeover();
  std::thread::id net_thread;
  net.call([&] { net_thread = std::this_thread::get_id(); });  // behind the takeover
  EXPECT_EQ(where, net_thread);
  EXPECT_EQ(recorder.find("a")->taken[0].end_reason, core::EndReason::kTakenOver);
}

TEST_F(PcmSessionTest, ATakeoverOfASessionThatIsGoneDoesNothing) {
  int n_calls = 0;
  auto session = std::make_unique<PcmSession>(core::StreamRequest{.id = "a"}, parts, [&] { ++n_calls; });
  const auto on_takeover = recorder.find("a")->request.on_takeover;
  net.call([&] {
    on_takeover();
    session.reset();
  });
  net.call([] {});
  EXPECT_EQ(n_calls, 0);
}

TEST_F(PcmSessionTest, AFastOneAsksForTicksAndSaysWhenItIsFull) {
  PcmSession session({.id = "a", .fast = true}, parts, [] {});
  const auto bytes = test::counting_bytes(0, 16000);
  EXPECT_TRUE(session.has_room(bytes.size()));
  session.push(bytes, clock.mono);
  auto* const stream = recorder.find("a");  // drains
  EXPECT_EQ(stream->n_pokes, 1);
  session.push(bytes, clock.mono);
  EXPECT_FALSE(session.has_room(bytes.size()));
  EXPECT_TRUE(session.has_room(0));
  EXPECT_EQ(session.counters().dropped, 0);
}

TEST(SessionCounters, AddUpByName) {
  core::IngestCounters sum;
  core::IngestCounters one;
  one.offered = 10;
  one.accepted = 7;
  one.dropped = 3;
  one.dropped_by[static_cast<std::size_t>(core::GapReason::kCaptureOverflow)] = 3;
  one.concealed = 2;
  add_counters(sum, one);
  add_counters(sum, one);
  std::vector<core::SourceCounter> counters;
  append_counters(sum, counters);
  EXPECT_EQ(counters, (std::vector<core::SourceCounter>{{"samples_offered", 20},
                                                        {"samples_accepted", 14},
                                                        {"samples_dropped", 6},
                                                        {"samples_concealed", 4},
                                                        {"samples_nonfinite", 0},
                                                        {"samples_dropped_capture_overflow", 6}}));
}

TEST(Refusal, ASecondSenderOfOneIdIsToldTheRemedy) {
  const core::Error live(core::ErrorCode::kAlreadyExists, "stream 'a' is live");
  EXPECT_EQ(refusal_text(live, true),
            "stream 'a' is live; for several senders at once give each an id of its own: stream={id}-{n}");
  EXPECT_EQ(refusal_text(live, false), "stream 'a' is live");
  EXPECT_EQ(refusal_text({core::ErrorCode::kResourceExhausted, "all streams are in use"}, true),
            "all streams are in use");
}

}  // namespace
}  // namespace melstream::audio
