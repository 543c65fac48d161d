#include "melstream/pipeline/feature_history.hpp"

#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace melstream::pipeline {
namespace {

constexpr std::int64_t kNever = -1;

class FeatureHistoryTest : public testing::Test {
 protected:
  static std::shared_ptr<const engine::Prepared> prepared() {
    static const engine::FrontEndCatalog catalog;
    return std::make_shared<engine::Prepared>(catalog.find("whisper-80"), engine::Smoothing::kNone);
  }

  Segment segment(std::int64_t ordinal, core::SampleIndex timeline_begin) {
    Segment made;
    made.ordinal = ordinal;
    made.start.timeline_begin = timeline_begin;
    made.start.reason = core::GapReason::kNetLoss;
    made.lost_samples = 7;
    return made;
  }

  /// Rows whose first value is their number.
  void publish(std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
      std::vector<float> row(80, static_cast<float>(n_published_));
      const RowInfo info{.max = static_cast<float>(n_published_), .received_mono_ns = 1000 * n_published_};
      history_.publish(row, {&info, 1});
      ++n_published_;
    }
  }

  FeatureHistory::ReadResult read(Cursor& cursor, std::int32_t block, std::int64_t flush_before = kNever) {
    return history_.read(cursor, block, flush_before, batch_);
  }

  using Kind = FeatureHistory::ReadResult::Kind;
  FeatureHistory history_{prepared(), 0, 10};
  RowBatch batch_;
  std::int64_t n_published_ = 0;
};

TEST_F(FeatureHistoryTest, GivesNothingBeforeItIsAttached) {
  Cursor cursor;
  EXPECT_EQ(read(cursor, 1).kind, Kind::kNothing);
  EXPECT_FALSE(history_.next_frame().has_value());
}

TEST_F(FeatureHistoryTest, GivesFullBlocksThenWaits) {
  history_.attach(0);
  history_.begin_segment(segment(0, 0), 0, 0);
  publish(6);
  Cursor cursor;
  ASSERT_EQ(read(cursor, 4).kind, Kind::kRows);
  EXPECT_EQ(batch_.first_frame, 0);
  EXPECT_EQ(batch_.n_frames, 4);
  EXPECT_TRUE(batch_.segment_start);
  EXPECT_EQ(batch_.values[3 * 80], 3.0F);
  EXPECT_EQ(read(cursor, 4).kind, Kind::kNothing);
  EXPECT_EQ(cursor.frame, 4);
}

TEST_F(FeatureHistoryTest, GivesAShortBlockWhenTheOldestRowHasWaited) {
  history_.attach(0);
  history_.begin_segment(segment(0, 0), 0, 0);
  publish(2);
  Cursor cursor{.frame = 1};
  EXPECT_EQ(read(cursor, 4, 999).kind, Kind::kNothing);  // row 1 arrived at 1000
  ASSERT_EQ(read(cursor, 4, 1000).kind, Kind::kRows);
  EXPECT_EQ(batch_.n_frames, 1);
  EXPECT_FALSE(batch_.segment_start);
}

TEST_F(FeatureHistoryTest, FlushesAShortBlockAtTheSegmentsEnd) {
  history_.attach(0);
  history_.begin_segment(segment(0, 0), 0, 0);
  publish(2);
  history_.end_segment();
  Cursor cursor;
  ASSERT_EQ(read(cursor, 4).kind, Kind::kRows);
  EXPECT_EQ(batch_.n_frames, 2);
  EXPECT_TRUE(batch_.segment_end);
}

TEST_F(FeatureHistoryTest, TellsAGapBeforeTheFramesAfterIt) {
  history_.attach(0);
  history_.begin_segment(segment(0, 0), 0, 0);
  publish(2);
  history_.end_segment();
  history_.begin_segment(segment(1, 805), 6, 0);
  publish(1);
  Cursor cursor;
  read(cursor, 4);
  const auto result = read(cursor, 1);
  ASSERT_EQ(result.kind, Kind::kHole);
  EXPECT_EQ(result.hole.first_frame, 2);
  EXPECT_EQ(result.hole.n_frames, 4);
  EXPECT_EQ(result.hole.next_sample, 805);
  EXPECT_EQ(result.hole.lost_samples, 7);
  EXPECT_FALSE(result.hole.reader_lost);
  ASSERT_EQ(read(cursor, 1).kind, Kind::kRows);
  EXPECT_EQ(batch_.first_frame, 6);
  EXPECT_EQ(batch_.first_sample, 805);
}

TEST_F(FeatureHistoryTest, TellsADiscontinuityOnceWhenNoIndexIsMissing) {
  history_.attach(0);
  history_.begin_segment(segment(0, 0), 0, 0);
  publish(2);
  history_.end_segment();
  history_.begin_segment(segment(1, 301), 2, 0);
  publish(2);
  Cursor cursor;
  read(cursor, 4);
  const auto result = read(cursor, 1);
  ASSERT_EQ(result.kind, Kind::kHole);
  EXPECT_EQ(result.hole.n_frames, 0);
  EXPECT_EQ(result.hole.first_frame, 2);
  EXPECT_EQ(read(cursor, 1).kind, Kind::kRows);
  EXPECT_EQ(read(cursor, 1).kind, Kind::kRows);
  EXPECT_EQ(read(cursor, 1).kind, Kind::kNothing);
}

TEST_F(FeatureHistoryTest, AReaderThatStartsInALaterSegmentHearsOfNoDiscontinuity) {
  history_.attach(0);
  history_.begin_segment(segment(0, 0), 0, 0);
  publish(2);
  history_.end_segment();
  history_.begin_segment(segment(1, 301), 2, 0);
  publish(1);
  Cursor cursor{.frame = 2};
  EXPECT_EQ(read(cursor, 1).kind, Kind::kRows);
}

TEST_F(FeatureHistoryTest, BlocksEndWhereAllReadersHaveThem) {
  history_.attach(0);
  history_.begin_segment(segment(0, 0), 0, 0);
  publish(9);
  Cursor cursor{.frame = 2};
  ASSERT_EQ(read(cursor, 4).kind, Kind::kRows);
  EXPECT_EQ(batch_.n_frames, 2);  // up to frame 4
  ASSERT_EQ(read(cursor, 4).kind, Kind::kRows);
  EXPECT_EQ(batch_.first_frame, 4);
  EXPECT_EQ(batch_.n_frames, 4);
  EXPECT_EQ(read(cursor, 4).kind, Kind::kNothing);  // frame 8 is a part of [8, 12)
  ASSERT_EQ(read(cursor, 4, 8000).kind, Kind::kRows);
  EXPECT_EQ(batch_.n_frames, 1);
  publish(4);
  ASSERT_EQ(read(cursor, 4).kind, Kind::kRows);  // the rest of it
  EXPECT_EQ(batch_.first_frame, 9);
  EXPECT_EQ(batch_.n_frames, 3);
}

TEST_F(FeatureHistoryTest, HasNewsWheneverReadingWouldGiveSomething) {
  constexpr std::int64_t kSoon = 1'000'000;
  Cursor cursor;
  const auto wait = [&] {
    const auto result = read(cursor, 4);
    EXPECT_EQ(result.kind, Kind::kNothing);
    EXPECT_FALSE(history_.has_news(result.wait, kNever));
    return result.wait;
  };
  auto waiting = wait();
  history_.attach(0);
  EXPECT_TRUE(history_.has_news(waiting, kNever));
  waiting = wait();
  history_.begin_segment(segment(0, 0), 0, 0);
  EXPECT_TRUE(history_.has_news(waiting, kNever));
  waiting = wait();
  publish(1);
  EXPECT_TRUE(history_.has_news(waiting, kNever));  // its time of arrival has to be looked at
  waiting = wait();
  publish(2);
  EXPECT_FALSE(history_.has_news(waiting, kNever));
  EXPECT_TRUE(history_.has_news(waiting, kSoon));  // to be flushed
  publish(1);
  EXPECT_TRUE(history_.has_news(waiting, kNever));
  ASSERT_EQ(read(cursor, 4).kind, Kind::kRows);
  publish(1);
  waiting = wait();
  history_.end_segment();
  EXPECT_TRUE(history_.has_news(waiting, kNever));
  ASSERT_EQ(read(cursor, 4).kind, Kind::kRows);
  waiting = wait();
  history_.end(core::EndReason::kCompleted);
  EXPECT_TRUE(history_.has_news(waiting, kNever));
}

TEST_F(FeatureHistoryTest, HasNewsOnceARowThatIsWaitedWithIsOverwritten) {
  history_.attach(0);
  history_.begin_segment(segment(0, 0), 0, 0);
  publish(1);
  Cursor cursor;
  const auto result = read(cursor, 1000);
  ASSERT_EQ(result.kind, Kind::kNothing);
  publish(9);
  EXPECT_FALSE(history_.has_news(result.wait, kNever));
  publish(1);
  EXPECT_TRUE(history_.has_news(result.wait, kNever));
  EXPECT_EQ(read(cursor, 1000).kind, Kind::kHole);
}

TEST_F(FeatureHistoryTest, ToldAsLostByTheReaderWhatWasOverwritten) {
  history_.attach(0);
  history_.begin_segment(segment(0, 0), 0, 0);
  publish(25);
  Cursor cursor{.frame = 3};
  const auto result = read(cursor, 1);
  ASSERT_EQ(result.kind, Kind::kHole);
  EXPECT_TRUE(result.hole.reader_lost);
  EXPECT_EQ(result.hole.first_frame, 3);
  EXPECT_EQ(result.hole.n_frames, 12);
  ASSERT_EQ(read(cursor, 25).kind, Kind::kRows);
  EXPECT_EQ(batch_.first_frame, 15);
  EXPECT_EQ(batch_.values[0], 15.0F);
  ASSERT_EQ(batch_.infos.size(), 10U);  // in two pieces: the ring wraps at 20
  EXPECT_EQ(batch_.infos[9].max, 24.0F);
  EXPECT_EQ(history_.oldest_frame(), 15);
}

TEST_F(FeatureHistoryTest, EvictedFramesAndATrueGapAreToldApart) {
  history_.attach(0);
  history_.begin_segment(segment(0, 0), 0, 0);
  publish(5);
  history_.end_segment();
  history_.begin_segment(segment(1, 5000), 32, 0);
  publish(10);  // overwrites the whole first segment, none of the second
  Cursor cursor{.frame = 1, .segment_ordinal = 0};
  const auto evicted = read(cursor, 1);
  ASSERT_EQ(evicted.kind, Kind::kHole);
  EXPECT_TRUE(evicted.hole.reader_lost);
  EXPECT_EQ(evicted.hole.n_frames, 4);
  const auto gap = read(cursor, 1);
  ASSERT_EQ(gap.kind, Kind::kHole);
  EXPECT_FALSE(gap.hole.reader_lost);
  EXPECT_EQ(gap.hole.first_frame, 5);
  EXPECT_EQ(gap.hole.n_frames, 27);
  EXPECT_EQ(read(cursor, 1).kind, Kind::kRows);
}

TEST_F(FeatureHistoryTest, AGapBeforeASegmentWithoutRowsKeepsItsReason) {
  history_.attach(0);
  history_.begin_segment(segment(0, 480), 3, 0);
  history_.end_segment();
  history_.begin_segment(segment(1, 960), 6, 0);
  publish(1);
  Cursor cursor;
  const auto gap = read(cursor, 1);
  ASSERT_EQ(gap.kind, Kind::kHole);
  EXPECT_FALSE(gap.hole.reader_lost);
  EXPECT_EQ(gap.hole.reason, core::GapReason::kNetLoss);
}

TEST_F(FeatureHistoryTest, AHoleThatGrowsIsOneGapOrAdjacentOnes) {
  history_.attach(0);
  history_.begin_segment(segment(0, 0), 0, 0);
  publish(3);
  Segment shed = segment(0, 0);
  shed.start.reason = core::GapReason::kEngineOverload;
  Cursor often;
  read(often, 3);
  core::FrameIndex next = 3;
  for (core::FrameIndex until = 100; until <= 100'000; until += 100) {  // far more often than runs are kept
    history_.skip(shed, until, until);
    const auto gap = read(often, 1);
    ASSERT_EQ(gap.kind, Kind::kHole);
    ASSERT_EQ(gap.hole.first_frame, next);
    next += gap.hole.n_frames;
    ASSERT_EQ(next, until);
  }
  publish(2);
  history_.end_segment();
  history_.end(core::EndReason::kCompleted);
  Cursor seldom;
  ASSERT_EQ(read(seldom, 4).kind, Kind::kRows);  // a short block: nothing will follow it
  EXPECT_EQ(batch_.n_frames, 3);
  EXPECT_FALSE(batch_.segment_end);
  const auto gap = read(seldom, 4);
  ASSERT_EQ(gap.kind, Kind::kHole);
  EXPECT_EQ(gap.hole.reason, core::GapReason::kEngineOverload);
  EXPECT_EQ(gap.hole.first_frame, 3);
  EXPECT_EQ(gap.hole.n_frames, 99'997);
  EXPECT_EQ(gap.hole.next_sample, 16'000'000);
  for (Cursor* cursor : {&often, &seldom}) {
    ASSERT_EQ(read(*cursor, 4).kind, Kind::kRows);
    EXPECT_EQ(batch_.first_frame, 100'000);
    EXPECT_EQ(batch_.n_frames, 2);
    EXPECT_FALSE(batch_.segment_start);
    EXPECT_TRUE(batch_.segment_end);
    EXPECT_EQ(read(*cursor, 4).kind, Kind::kEnd);
  }
}

TEST_F(FeatureHistoryTest, AHoleAfterALossKeepsBothReasons) {
  history_.attach(0);
  history_.begin_segment(segment(0, 1600), 10, 0);
  Segment shed = segment(0, 1600);
  shed.start.reason = core::GapReason::kEngineOverload;
  history_.skip(shed, 15, 5);
  Cursor cursor;
  const auto loss = read(cursor, 1);
  EXPECT_EQ(loss.hole.reason, core::GapReason::kNetLoss);
  EXPECT_EQ(loss.hole.n_frames, 10);
  const auto overload = read(cursor, 1);
  EXPECT_EQ(overload.hole.reason, core::GapReason::kEngineOverload);
  EXPECT_EQ(overload.hole.n_frames, 5);
}

TEST_F(FeatureHistoryTest, LetsGoOfBlockersThatHaveLeftNoRoomForTooLong) {
  history_.attach(0);
  history_.begin_segment(segment(0, 0), 0, 0);
  const auto stuck = history_.add_blocker(0);
  const auto reads = history_.add_blocker(0);
  publish(10);
  history_.move_blocker(reads, 10);
  history_.drop_stuck_blockers(1000, 60);
  history_.drop_stuck_blockers(1059, 60);
  EXPECT_TRUE(history_.has_blocker(stuck));
  history_.move_blocker(stuck, 1);
  publish(1);
  history_.drop_stuck_blockers(1060, 60);  // it moved: its time starts again
  history_.drop_stuck_blockers(1119, 60);
  EXPECT_TRUE(history_.has_blocker(stuck));
  history_.drop_stuck_blockers(1120, 60);
  EXPECT_FALSE(history_.has_blocker(stuck));
  EXPECT_TRUE(history_.has_blocker(reads));
  EXPECT_EQ(history_.room_for_blockers(), 9);
}

TEST_F(FeatureHistoryTest, EndsAfterTheLastRow) {
  history_.attach(0);
  history_.begin_segment(segment(0, 0), 0, 0);
  publish(1);
  history_.end_segment();
  history_.end(core::EndReason::kSourceLost);
  Cursor cursor;
  EXPECT_EQ(read(cursor, 4).kind, Kind::kRows);
  const auto result = read(cursor, 4);
  EXPECT_EQ(result.kind, Kind::kEnd);
  EXPECT_EQ(result.end_reason, core::EndReason::kSourceLost);
}

TEST_F(FeatureHistoryTest, LeavesRoomForItsSlowestBlockingReader) {
  history_.attach(0);
  history_.begin_segment(segment(0, 0), 0, 0);
  EXPECT_GT(history_.room_for_blockers(), 1'000'000);
  const auto slow = history_.add_blocker(0);
  const auto fast = history_.add_blocker(0);
  publish(8);
  EXPECT_EQ(history_.room_for_blockers(), 2);
  history_.move_blocker(fast, 8);
  EXPECT_EQ(history_.room_for_blockers(), 2);
  history_.move_blocker(slow, 5);
  EXPECT_EQ(history_.room_for_blockers(), 7);
  history_.remove_blocker(slow);
  EXPECT_EQ(history_.room_for_blockers(), 10);
}

TEST_F(FeatureHistoryTest, ManySegmentsStayInBoundsAndInOrder) {
  history_.attach(0);
  core::FrameIndex frame = 0;
  for (int ordinal = 0; ordinal < 1000; ++ordinal) {
    history_.begin_segment(segment(ordinal, 160 * frame + 80), frame + 1, 0);
    history_.end_segment();
    frame += 1;
  }
  history_.end(core::EndReason::kCompleted);
  Cursor cursor;
  core::FrameIndex next = 0;
  for (;;) {
    const auto result = read(cursor, 4);
    if (result.kind == Kind::kEnd) break;
    ASSERT_EQ(result.kind, Kind::kHole);
    ASSERT_EQ(result.hole.first_frame, next);
    next += result.hole.n_frames;
  }
  EXPECT_EQ(next, 1000);
}

}  // namespace
}  // namespace melstream::pipeline
