#include "client/stream_positions.hpp"

#include <gtest/gtest.h>

#include "tests/client/responses.hpp"

namespace melstream::client {
namespace {

/// What is left of a response: true if anything.
bool admit(StreamPositions& positions, v1::SubscribeResponse response) { return positions.admit(response); }

TEST(StreamPositions, TakesOffWhatAResumedSubscriptionRepeats) {
  StreamPositions positions(true);
  EXPECT_TRUE(admit(positions, of("a", 7, start_response(0))));
  EXPECT_TRUE(admit(positions, of("a", 7, block_response(0, 4))));
  EXPECT_TRUE(admit(positions, of("a", 7, block_response(4, 4))));
  v1::SubscribeResponse start = of("a", 7, start_response(2));
  EXPECT_TRUE(positions.admit(start));
  EXPECT_EQ(start.start().first_frame(), 8);
  EXPECT_EQ(start.start().first_sample(), 8 * 160);
  EXPECT_FALSE(admit(positions, of("a", 7, block_response(2, 4))));
  v1::SubscribeResponse block = of("a", 7, block_response(6, 4));
  block.mutable_block()->set_first_sample(960);
  block.mutable_block()->set_capture_time_ns(1'000'000'000);
  EXPECT_TRUE(positions.admit(block));
  EXPECT_EQ(block.block().first_frame(), 8);
  EXPECT_EQ(block.block().frame_count(), 2);
  EXPECT_EQ(block.block().first_sample(), 1280);
  EXPECT_EQ(block.block().capture_time_ns(), 1'020'000'000);
  EXPECT_EQ(block.block().values(), block_response(8, 2).block().values());
  EXPECT_EQ(positions.n_duplicates(), 6);
}

TEST(StreamPositions, TakesOffGapsToo) {
  StreamPositions positions(true);
  admit(positions, of("a", 7, start_response(0)));
  admit(positions, of("a", 7, block_response(0, 4)));
  admit(positions, of("a", 7, start_response(0)));
  EXPECT_FALSE(admit(positions, of("a", 7, gap_response(0, 3))));
  v1::SubscribeResponse gap = of("a", 7, gap_response(3, 3));
  EXPECT_TRUE(positions.admit(gap));
  EXPECT_EQ(gap.gap().first_frame(), 4);
  EXPECT_EQ(gap.gap().frame_count(), 2);
  EXPECT_TRUE(admit(positions, of("a", 7, discontinuity_response(6))));
}

TEST(StreamPositions, LeavesWhatComesTwiceInOneSubscriptionToTheCheck) {
  StreamPositions positions(true);
  admit(positions, of("a", 7, start_response(0)));
  admit(positions, of("a", 7, block_response(0, 4)));
  v1::SubscribeResponse again = of("a", 7, block_response(0, 4));
  EXPECT_TRUE(positions.admit(again));
  EXPECT_EQ(again.block().frame_count(), 4);
}

TEST(StreamPositions, AnotherEpochIsAnotherLife) {
  StreamPositions positions(true);
  admit(positions, of("a", 7, start_response(0)));
  admit(positions, of("a", 7, block_response(0, 4)));
  EXPECT_TRUE(admit(positions, of("a", 8, start_response(0))));
  EXPECT_TRUE(admit(positions, of("a", 8, block_response(0, 4))));
  EXPECT_TRUE(admit(positions, of("b", 7, start_response(0))));
  EXPECT_EQ(positions.n_duplicates(), 0);
}

TEST(StreamPositions, KeepsTheNewestTokenOfEachStream) {
  StreamPositions positions(true);
  positions.restore({{"c", "old"}});
  for (const auto& [stream, token] : ResumeTokens{{"a", "a"}, {"b", "b"}}) {
    positions.keep_token(of(stream, 7, start_response(0), token + "0"));
    positions.keep_token(of(stream, 7, block_response(0, 1), token + "1"));
  }
  EXPECT_EQ(positions.tokens(), (ResumeTokens{{"a", "a1"}, {"b", "b1"}, {"c", "old"}}));
  positions.keep_token(of("a", 7, gap_response(1, 1), "a2"));
  positions.keep_token(of("b", 7, discontinuity_response(1), "b2"));
  positions.keep_token(failure_response("c", 8, "too slow", "new"));
  EXPECT_EQ(positions.tokens(), (ResumeTokens{{"a", "a2"}, {"b", "b2"}, {"c", "new"}}));
  positions.keep_token(of("a", 7, end_response(2)));
  positions.keep_token(of("b", 7, end_response(1, v1::END_REASON_SHUTDOWN)));
  positions.keep_token(failure_response("c", 9, "EPOCH_CHANGED"));
  EXPECT_EQ(positions.tokens(), (ResumeTokens{{"b", "b2"}}));
}

TEST(StreamPositions, TheTokenOfASingleStreamOutlivesIt) {
  StreamPositions positions(false);
  positions.keep_token(of("a", 7, start_response(0), "a0"));
  positions.keep_token(of("a", 7, end_response(0)));
  EXPECT_EQ(positions.tokens(), (ResumeTokens{{"a", "a0"}}));
}

}  // namespace
}  // namespace melstream::client
