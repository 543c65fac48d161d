#include "client/subscription_totals.hpp"

#include "client/pace.hpp"
#include "tests/client/expect_error.hpp"
#include "tests/client/responses.hpp"

namespace melstream::client {
namespace {

v1::SubscribeResponse start(std::int64_t first_frame) {
  v1::SubscribeResponse response;
  response.mutable_start()->set_first_frame(first_frame);
  return response;
}

v1::SubscribeResponse block(std::int64_t first_frame, int n_frames, std::int64_t received_ns = 0) {
  v1::SubscribeResponse response;
  response.mutable_block()->set_first_frame(first_frame);
  response.mutable_block()->set_frame_count(n_frames);
  response.mutable_block()->set_received_time_ns(received_ns);
  return response;
}

v1::SubscribeResponse gap(std::int64_t first_frame, std::int64_t n_frames) {
  v1::SubscribeResponse response;
  response.mutable_gap()->set_first_frame(first_frame);
  response.mutable_gap()->set_frame_count(n_frames);
  return response;
}

TEST(SubscriptionTotals, CountsFramesAndGaps) {
  SubscriptionTotals totals;
  totals.note(start(10), 1000);
  totals.note(block(10, 4), 1000);
  totals.note(gap(14, 6), 1000);
  totals.note(block(20, 1), 1000);
  v1::SubscribeResponse end;
  end.mutable_end()->set_next_frame(21);
  end.mutable_end()->set_reason(v1::END_REASON_COMPLETED);
  totals.note(end, 1000);
  EXPECT_EQ(totals.frames(), 5);
  EXPECT_EQ(totals.gaps(), 1);
  EXPECT_EQ(totals.gap_frames(), 6);
  EXPECT_TRUE(totals.ended());
  EXPECT_EQ(totals.text(), "5 frames, 1 gaps (6 frames)");
}

TEST(SubscriptionTotals, TellsWhatWasMadeUpAndWhatTheSenderLeftOut) {
  SubscriptionTotals totals;
  totals.note(start(0), 1000);
  totals.note(block(0, 4), 1000);
  v1::SubscribeResponse filled = block(4, 12);
  filled.mutable_block()->set_concealed_share(0.25F);
  filled.mutable_block()->set_flags(v1::BLOCK_FLAG_CONCEALED);
  totals.note(filled, 1000);
  EXPECT_DOUBLE_EQ(totals.concealed_share(), 3.0 / 16.0);
  EXPECT_EQ(totals.text(), "16 frames, 0 gaps, 18.75 % concealed");
  v1::SubscribeResponse silent = block(16, 5);
  silent.mutable_block()->set_flags(v1::BLOCK_FLAG_SEGMENT_END | v1::BLOCK_FLAG_SUPPRESSED_SILENCE);
  totals.note(silent, 1000);
  EXPECT_EQ(totals.suppressed_frames(), 5);
  EXPECT_EQ(totals.text(), "21 frames, 0 gaps, 14.29 % concealed, 5 frames beside suppressed silence");
}

TEST(SubscriptionTotals, RefusesHolesRepetitionsAndAnEndElsewhere) {
  for (const std::int64_t next : {3, 5}) {
    SubscriptionTotals totals;
    totals.note(start(0), 0);
    totals.note(block(0, 4), 0);
    expect_error(ExitCode::kFailure, {"frame 4 was due"}, [&] { totals.note(block(next, 1), 0); });
    v1::SubscribeResponse end;
    end.mutable_end()->set_next_frame(next);
    expect_error(ExitCode::kFailure, {"frame 4 was due"}, [&] { totals.note(end, 0); });
  }
  SubscriptionTotals totals;
  expect_error(ExitCode::kFailure, {"before the start"}, [&] { totals.note(block(0, 1), 0); });
}

TEST(SubscriptionTotals, EachStreamTilesItsOwnFrames) {
  SubscriptionTotals totals;
  totals.note(of("a", 7, start_response(0)), 0);
  totals.note(of("b", 9, start_response(100)), 0);
  totals.note(of("a", 7, block_response(0, 4)), 0);
  totals.note(of("b", 9, block_response(100, 4)), 0);
  expect_error(ExitCode::kFailure, {"stream b", "frame 104 was due"},
               [&] { totals.note(of("b", 9, block_response(4, 4)), 0); });
  expect_error(ExitCode::kFailure, {"stream c", "before the start"},
               [&] { totals.note(of("c", 9, block_response(0, 4)), 0); });
}

TEST(SubscriptionTotals, SumsUpAllStreams) {
  SubscriptionTotals totals;
  for (const char* stream : {"a", "b", "c"}) totals.note(of(stream, 7, start_response(0)), 1);
  totals.note(of("a", 7, block_response(0, 4)), 0);
  totals.note(of("b", 7, gap_response(0, 2)), 0);
  totals.note(of("a", 7, end_response(4)), 0);
  totals.note(of("b", 7, end_response(2, v1::END_REASON_SOURCE_LOST)), 0);
  totals.note(failure_response("c", 8, "too slow"), 0);
  totals.note(failure_response("d", 9, "EPOCH_CHANGED: gone"), 0);
  totals.note_reconnect();
  totals.set_duplicates(5);
  EXPECT_EQ(totals.failures(), 1);
  EXPECT_EQ(totals.lost_streams(), 1);
  EXPECT_EQ(totals.text_of_many(),
            "3 streams (2 ended, 1 of them early), 4 frames, 1 gaps (2 frames), 1 streams failed, 1 epochs changed, "
            "1 reconnects, 5 duplicate frames dropped");
}

TEST(SubscriptionTotals, AnIdMayBeginAnew) {
  SubscriptionTotals totals;
  totals.note(of("a", 7, start_response(0)), 0);
  totals.note(of("a", 7, block_response(0, 4)), 0);
  totals.note(of("a", 7, end_response(4)), 0);
  EXPECT_TRUE(totals.ended());
  totals.note(of("a", 8, start_response(0)), 0);
  EXPECT_FALSE(totals.ended());
  totals.note(of("a", 8, block_response(0, 4)), 0);
  expect_error(ExitCode::kFailure, {"epoch 0000000000000007", "epoch 0000000000000008 was started"},
               [&] { totals.note(of("a", 7, block_response(4, 4)), 0); });
  EXPECT_EQ(totals.started_streams(), 2);
}

TEST(SubscriptionTotals, AResumedStreamGoesOnWhereItWas) {
  SubscriptionTotals totals;
  totals.note(of("a", 7, start_response(0)), 0);
  totals.note(of("a", 7, block_response(0, 4)), 0);
  totals.note(failure_response("a", 8, "too slow", "token"), 0);
  totals.note(of("a", 7, start_response(4)), 0);
  totals.note(of("a", 7, block_response(4, 4)), 0);
  EXPECT_EQ(totals.started_streams(), 1);
  expect_error(ExitCode::kFailure, {"a start of stream a", "frame 8 was due"},
               [&] { totals.note(of("a", 7, start_response(9)), 0); });
}

TEST(SubscriptionTotals, LatencyIsOfFramesComputedSinceTheSubscription) {
  SubscriptionTotals totals;
  totals.note(start(0), 1'000'000'000);
  // From the history: computed ten minutes ago.
  totals.note(block(0, 4, 400'000'000), 1'001'000'000);
  EXPECT_EQ(totals.latency().count(), 0);
  totals.note(block(4, 4, 1'010'000'000), 1'030'000'000);
  EXPECT_EQ(totals.latency().count(), 1);
  EXPECT_NEAR(totals.latency().quantile_ms(0.5), 20, 0.2);
}

TEST(LatencyHistogram, QuantilesAreWithinOnePercent) {
  LatencyHistogram histogram;
  for (int ms = 1; ms <= 1000; ++ms) histogram.add(std::int64_t{ms} * 1'000'000);
  EXPECT_NEAR(histogram.quantile_ms(0.5), 500, 5);
  EXPECT_NEAR(histogram.quantile_ms(0.99), 990, 9.9);
  EXPECT_EQ(histogram.largest_ms(), 1000);
  EXPECT_EQ(LatencyHistogram().quantile_ms(0.5), 0);
}

TEST(LatencyHistogram, TakesWhatClocksThatDisagreeGive) {
  LatencyHistogram histogram;
  histogram.add(-5'000'000);
  histogram.add(std::int64_t{1} << 62);
  EXPECT_EQ(histogram.count(), 2);
  EXPECT_LT(histogram.quantile_ms(0.5), 0.01);
}

TEST(DecodeValues, FloatsAndHalves) {
  std::vector<float> values;
  const float floats[] = {1.5f, -2};
  decode_values(std::string(reinterpret_cast<const char*>(floats), 8), v1::ELEMENT_TYPE_FLOAT32, 1, 2, values);
  EXPECT_EQ(values, (std::vector<float>{1.5f, -2}));
  decode_values(std::string("\x00\x3e\x00\xc0", 4), v1::ELEMENT_TYPE_FLOAT16, 2, 1, values);
  EXPECT_EQ(values, (std::vector<float>{1.5f, -2}));
  decode_values("", v1::ELEMENT_TYPE_FLOAT32, 0, 80, values);
  EXPECT_TRUE(values.empty());
  expect_error(ExitCode::kFailure, {"7 bytes"},
               [&] { decode_values("1234567", v1::ELEMENT_TYPE_FLOAT32, 1, 2, values); });
}

TEST(Pace, DeadlinesDoNotDrift) {
  const std::chrono::steady_clock::time_point start{};
  Pace pace(44100, start);
  EXPECT_EQ(pace.after(441) - start, std::chrono::milliseconds(10));
  for (int i = 0; i < 8'639'999; ++i) pace.after(441);
  // A day in steps of 10 ms is a day.
  EXPECT_EQ(pace.after(0) - start, std::chrono::hours(24));
}

}  // namespace
}  // namespace melstream::client
