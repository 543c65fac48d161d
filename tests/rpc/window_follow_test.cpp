// What a call of GetWindows has to tell of streams that it follows: turned by hand, without a server.
#include "melstream/rpc/window_follow.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "melstream/core/error.hpp"

#include "tests/pipeline/pipeline_fixture.hpp"

namespace melstream::test {
namespace {

using Next = rpc::WindowAnswers::Next;

v1::WindowFollow follow_request(double window_s, double every_s) {
  v1::WindowFollow request;
  request.mutable_streams()->mutable_all();
  request.mutable_features()->set_front_end("whisper-80");
  request.set_window_seconds(window_s);
  request.set_every_seconds(every_s);
  return request;
}

std::vector<float> values_of(const v1::GetWindowResponse& answer) {
  std::vector<float> values(answer.values().size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), answer.values().data(), answer.values().size());
  return values;
}

TEST(WindowGrid, BeginsAtMultiplesRoundedToSamples) {
  const rpc::WindowGrid grid = rpc::WindowGrid::from(follow_request(1.0, 1.0 / 3), 40.0);
  EXPECT_EQ(grid.window(0), (engine::IndexRange{0, 16000}));
  EXPECT_EQ(grid.window(1), (engine::IndexRange{5333, 21333}));
  EXPECT_EQ(grid.window(2), (engine::IndexRange{10667, 26667}));
  EXPECT_EQ(grid.window(3'000'000), (engine::IndexRange{16'000'000'000, 16'000'016'000}));  // does not drift
}

TEST(WindowGrid, FirstAfterIsTheFirstThatEndsLater) {
  for (const auto& [window_s, every_s] : {std::pair{1.0, 0.25}, {0.25, 1.0}, {1.0, 1.0 / 3}, {0.0001, 0.01}}) {
    const rpc::WindowGrid grid = rpc::WindowGrid::from(follow_request(window_s, every_s), 40.0);
    for (core::SampleIndex n = 0; n < 50'000; n += 37) {
      const std::int64_t first = grid.first_after(n);
      ASSERT_GT(grid.window(first).end, n);
      ASSERT_LE(first == 0 ? 0 : grid.window(first - 1).end, n);
    }
    EXPECT_EQ(grid.first_after(grid.window(7).end - 1), 7);
    EXPECT_EQ(grid.first_after(grid.window(7).end), 8);
  }
}

class WindowFollowTest : public PipelineTest {
 protected:
  WindowFollowTest() {
    build({.max_streams = 8, .history_s = 2.0, .audio_history_s = 1.0, .local_audio_history_s = 1.0});
  }

  std::unique_ptr<rpc::WindowFollow> follow(const v1::WindowFollow& request) {
    environments_.push_back(std::make_unique<rpc::Environment>(
        rpc::Environment{.options = {}, .parts = rpc::ServerParts{.registry = *registry_, .windows = reader_}}));
    return std::make_unique<rpc::WindowFollow>(*environments_.back(), nullptr, request);
  }

  /// The next response; empty if there is none now.
  static v1::GetWindowsResponse next(rpc::WindowFollow& follow) {
    v1::GetWindowsResponse response;
    follow.look();
    const bool is_told = follow.next(response) == Next::kResponse;
    EXPECT_EQ(is_told, response.ByteSizeLong() > 0);
    return response;
  }

  std::string refused_field(const v1::WindowFollow& request) {
    try {
      follow(request);
    } catch (const core::Error& error) {
      return error.code() == core::ErrorCode::kInvalidArgument ? error.field() : "another code";
    }
    return "taken";
  }

  const std::vector<float> samples_ = noise(160'000, 1);
  std::span<const float> part(std::size_t from, std::size_t to) { return std::span(samples_).subspan(from, to - from); }
  void expect_window(const v1::GetWindowsResponse& response, const std::string& stream, std::size_t begin,
                     std::size_t end) {
    ASSERT_TRUE(response.has_answer()) << response.ShortDebugString();
    EXPECT_EQ(response.stream(), stream);
    EXPECT_EQ(response.index(), 0);
    EXPECT_EQ(response.window().begin_sample(), static_cast<std::int64_t>(begin));
    EXPECT_EQ(response.window().end_sample(), static_cast<std::int64_t>(end));
    EXPECT_EQ(values_of(response.answer()), offline("whisper-80", part(begin, end)));
  }

 private:
  pipeline::WindowReader reader_{engine::cpu::make_engine({.limits = {.max_lanes = 1, .max_rows = 64}}),
                                 {.max_lanes = 1, .max_rows = 64}};
  std::vector<std::unique_ptr<rpc::Environment>> environments_;
};

TEST_F(WindowFollowTest, BeginsWithTheFirstWindowThatEndsAfterTheCall) {
  const auto stream = open("a");
  begin(*stream);
  publish(*stream, part(0, 10'000));
  const auto calls = follow(follow_request(0.5, 0.25));
  EXPECT_FALSE(next(*calls).has_answer());
  publish(*stream, part(10'000, 11'999));
  EXPECT_FALSE(next(*calls).has_answer());
  publish(*stream, part(11'999, 12'000));
  expect_window(next(*calls), "a", 4'000, 12'000);
  EXPECT_FALSE(next(*calls).has_answer());
  publish(*stream, part(12'000, 20'000));
  expect_window(next(*calls), "a", 8'000, 16'000);
  expect_window(next(*calls), "a", 12'000, 20'000);
  EXPECT_FALSE(next(*calls).has_answer());
}

TEST_F(WindowFollowTest, StreamsOpenedLaterBeginWithTheirFirstSampleAndTakeTurns) {
  const auto a = open("a");
  begin(*a);
  const auto calls = follow(follow_request(0.25, 0.25));
  publish(*a, part(0, 4'000));
  const auto b = open("b");
  begin(*b);
  publish(*b, part(0, 8'000));
  publish(*a, part(4'000, 8'000));
  expect_window(next(*calls), "a", 0, 4'000);
  expect_window(next(*calls), "b", 0, 4'000);
  expect_window(next(*calls), "a", 4'000, 8'000);
  expect_window(next(*calls), "b", 4'000, 8'000);
  EXPECT_EQ(next(*calls).ByteSizeLong(), 0U);
}

TEST_F(WindowFollowTest, OnlyThoseSelected) {
  auto request = follow_request(0.1, 0.1);
  request.mutable_streams()->set_labels("room=a");
  const auto calls = follow(request);
  for (const char* room : {"b", "a"}) {
    const auto stream = registry_->open({{.id = room, .labels = {{"room", room}}}}, false).front();
    begin(*stream);
    publish(*stream, part(0, 1'600));
  }
  expect_window(next(*calls), "a", 0, 1'600);
  EXPECT_EQ(next(*calls).ByteSizeLong(), 0U);
}

TEST_F(WindowFollowTest, AnEndedStreamKeepsItsAudioForItsLastWindow) {
  const auto stream = open("a");
  begin(*stream);
  const auto calls = follow(follow_request(0.25, 0.25));
  write(*stream, part(0, 9'000));
  end(*stream, core::EndReason::kSourceLost);
  EXPECT_FALSE(stream->ended()) << "windows of it are still to be computed";
  expect_window(next(*calls), "a", 0, 4'000);
  tick();
  EXPECT_FALSE(stream->ended());
  expect_window(next(*calls), "a", 4'000, 8'000);
  EXPECT_EQ(next(*calls).ByteSizeLong(), 0U);  // sees that no window is left, and lets go
  tick();
  ASSERT_TRUE(stream->ended());
  const auto response = next(*calls);
  ASSERT_TRUE(response.has_end());
  EXPECT_EQ(response.end().reason(), v1::END_REASON_SOURCE_LOST);
  EXPECT_EQ(response.end().epoch(), stream->epoch());
  EXPECT_EQ(next(*calls).ByteSizeLong(), 0U);
}

TEST_F(WindowFollowTest, AnEndedStreamWaitsForASlowReaderAQuarterOfASecond) {
  auto stream = open("a");
  begin(*stream);
  const auto calls = follow(follow_request(0.25, 0.25));
  write(*stream, part(0, 9'000));
  end(*stream);
  clock_.advance_ms(230);
  tick();
  EXPECT_FALSE(stream->ended());
  clock_.advance_ms(10);
  tick();
  EXPECT_TRUE(stream->ended());
  const std::weak_ptr<pipeline::Stream> forgotten = stream;
  calls->look();
  stream.reset();
  clock_.advance_ms(3'000);
  registry_->collect();
  tick();
  EXPECT_TRUE(forgotten.expired()) << "a reader that does not read keeps no histories";
  for (const std::int64_t begin : {0, 4'000}) {
    const auto response = next(*calls);
    EXPECT_EQ(response.window().begin_sample(), begin);
    EXPECT_EQ(response.failure().code(), grpc::StatusCode::OUT_OF_RANGE);
  }
  EXPECT_TRUE(next(*calls).has_end());
  EXPECT_EQ(next(*calls).ByteSizeLong(), 0U);
}

TEST_F(WindowFollowTest, AnEndedStreamIsInNobodysWay) {
  const auto first = open("a");
  begin(*first);
  const auto calls = follow(follow_request(0.25, 0.25));
  write(*first, part(0, 9'000));
  end(*first);
  EXPECT_FALSE(first->ended());
  const auto second = open("a");
  tick();
  EXPECT_TRUE(first->ended()) << "its id is another's now";
  while (registry_->n_live() < registry_->options().max_streams) open(std::to_string(registry_->n_live()));
  begin(*second);
  calls->look();
  write(*second, part(0, 9'000));
  end(*second);
  EXPECT_TRUE(second->ended()) << "its place is needed";
}

TEST_F(WindowFollowTest, TellsEachWindowThatASlowReaderCanNoLongerHave) {
  const auto stream = open("a");
  begin(*stream);
  const auto calls = follow(follow_request(0.5, 0.5));
  publish(*stream, part(0, 80'000), 1'600);
  std::int64_t begin = 0;
  int n_failures = 0;
  int n_answers = 0;
  for (auto response = next(*calls); response.ByteSizeLong() > 0; response = next(*calls)) {
    EXPECT_EQ(response.window().begin_sample(), begin);
    if (response.has_failure()) {
      EXPECT_EQ(n_answers, 0);
      EXPECT_EQ(response.failure().code(), grpc::StatusCode::OUT_OF_RANGE);
      EXPECT_EQ(response.failure().detail().held().end_sample(), 80'000);
      ++n_failures;
    } else {
      expect_window(response, "a", static_cast<std::size_t>(begin), static_cast<std::size_t>(begin) + 8'000);
      ++n_answers;
    }
    begin += 8'000;
  }
  EXPECT_EQ(begin, 80'000) << "none is left out";
  EXPECT_GT(n_failures, 0);
  EXPECT_GT(n_answers, 0);
}

TEST_F(WindowFollowTest, AGapIsToldOrFilled) {
  const auto stream = open("a");
  begin(*stream);
  const auto refusing = follow(follow_request(0.25, 0.25));
  auto filling_request = follow_request(0.25, 0.25);
  filling_request.set_gaps(v1::WINDOW_GAPS_ZERO_FILL);
  const auto filling = follow(filling_request);
  publish(*stream, part(0, 5'000));
  begin(*stream, 7'000);
  publish(*stream, part(7'000, 12'000));
  expect_window(next(*refusing), "a", 0, 4'000);
  const auto refused = next(*refusing);
  EXPECT_EQ(refused.failure().code(), grpc::StatusCode::FAILED_PRECONDITION);
  ASSERT_EQ(refused.failure().detail().gaps_size(), 1);
  EXPECT_EQ(refused.failure().detail().gaps(0).begin_sample(), 5'000);
  EXPECT_EQ(refused.failure().detail().gaps(0).end_sample(), 7'000);
  EXPECT_EQ(refused.window().begin_sample(), 4'000);
  expect_window(next(*refusing), "a", 8'000, 12'000);

  expect_window(next(*filling), "a", 0, 4'000);
  const auto filled = next(*filling);
  ASSERT_TRUE(filled.has_answer());
  EXPECT_EQ(filled.answer().filled_size(), 1);
  std::vector<float> clip(part(4'000, 8'000).begin(), part(4'000, 8'000).end());
  std::fill(clip.begin() + 1'000, clip.begin() + 3'000, 0.0F);
  EXPECT_EQ(values_of(filled.answer()), offline("whisper-80", clip));
  expect_window(next(*filling), "a", 8'000, 12'000);
}

TEST_F(WindowFollowTest, RefusesWhatCannotBe) {
  const auto refused = [&](auto change) {
    auto request = follow_request(0.5, 0.5);
    change(request);
    return refused_field(request);
  };
  EXPECT_EQ(refused([](auto&) {}), "taken");
  EXPECT_EQ(refused([](auto& r) { r.clear_streams(); }), "streams");
  EXPECT_EQ(refused([](auto& r) { r.mutable_streams()->set_labels("a="); }), "labels");
  EXPECT_EQ(refused([](auto& r) { r.clear_features(); }), "front_end");
  EXPECT_EQ(refused([](auto& r) { r.set_window_seconds(0); }), "window_seconds");
  EXPECT_EQ(refused([](auto& r) { r.set_window_seconds(-1); }), "window_seconds");
  EXPECT_EQ(refused([](auto& r) { r.set_window_seconds(std::nan("")); }), "window_seconds");
  EXPECT_EQ(refused([](auto& r) { r.set_window_seconds(1.01); }), "window_seconds");
  EXPECT_EQ(refused([](auto& r) { r.set_window_seconds(1.0); }), "taken");
  EXPECT_EQ(refused([](auto& r) { r.set_every_seconds(0.009); }), "every_seconds");
  EXPECT_EQ(refused([](auto& r) { r.set_every_seconds(3600.1); }), "every_seconds");
  EXPECT_EQ(refused([](auto& r) { r.set_every_seconds(std::nan("")); }), "every_seconds");
  EXPECT_EQ(refused([](auto& r) { r.set_gaps(static_cast<v1::WindowGaps>(9)); }), "gaps");
  EXPECT_EQ(refused([](auto& r) { r.set_pad_to_samples(0); }), "pad_to_samples");
  EXPECT_EQ(refused([](auto& r) { r.set_pad_to_samples(16'000 * 1'000); }), "another code");
  EXPECT_EQ(refused([](auto& r) { r.mutable_features()->set_normalization(v1::NORMALIZATION_RUNNING_MAX); }),
            "normalization");
  build({.audio_history_s = 0.0, .local_audio_history_s = 0.0});
  EXPECT_EQ(refused([](auto&) {}), "window_seconds");
}

}  // namespace
}  // namespace melstream::test
