#include "melstream/engine/tick_plan.hpp"

#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"
#include "melstream/engine/cpu/prepared.hpp"
#include "melstream/engine/cpu/workspace.hpp"

#include "tests/engine/ticks.hpp"

namespace melstream::engine::cpu {
namespace {

/// Counts how often each row of a lane is computed, and checks that its base frames are at hand.
std::vector<int> times_computed(const TickPlan& plan, std::int32_t lane_index) {
  const Lane& lane = plan.lane(lane_index);
  std::vector<int> times(static_cast<std::size_t>(lane.n_rows));
  for (const Unit& unit : plan.units()) {
    for (std::int32_t i = 0; i < unit.n_pieces; ++i) {
      const Piece& piece = plan.piece(unit.first_piece + i);
      const Strand& strand = plan.strand_of(piece);
      if (lane_index < strand.first_lane || lane_index >= strand.first_lane + strand.n_lanes) continue;
      const IndexRange rows = rows_around(lane, piece.centres);
      for (std::int64_t row = rows.begin; row < rows.end; ++row) {
        ++times[static_cast<std::size_t>(row - lane.first_row)];
        const IndexRange needed = frames_of_rows(prepared_of(lane).geometry(), row, 1, lane.segment_samples);
        EXPECT_GE(needed.begin, piece.frames.begin);
        EXPECT_LE(needed.end, piece.frames.end);
      }
    }
  }
  return times;
}

class Planned : public ::testing::Test {
 protected:
  std::shared_ptr<const CpuPrepared> prepare(const std::string& name, Smoothing smoothing = Smoothing::kNone) {
    return cache_.find_or_make(catalog_.find(name), smoothing);
  }
  /// Plans a tick; its output is never written.
  const TickPlan& plan(const std::vector<Lane>& lanes) {
    lanes_ = lanes;
    plan_.build({lanes_, rows_, maxima_});
    return plan_;
  }

  FrontEndCatalog catalog_;
  PreparedCache<PreparedMaker> cache_{PreparedMaker(8)};
  std::vector<float> audio_ = test::made_up_audio(160000, 1);
  std::vector<Lane> lanes_;
  std::vector<float> rows_ = std::vector<float>(8000000);
  std::vector<float> maxima_ = std::vector<float>(16384);
  TickPlan plan_{Limits{}};
};

TEST_F(Planned, EveryRowIsComputedOnceWithAllItsFrames) {
  std::vector<std::shared_ptr<const CpuPrepared>> held;
  for (const test::Case& c : test::all_cases()) held.push_back(cache_.find_or_make(c.front_end, c.smoothing));
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<Lane> lanes;
    for (std::size_t n = 1 + random() % 20; n > 0; --n) {
      const auto& prepared = held[random() % held.size()];
      const std::int64_t n_all = row_count(prepared->geometry(), static_cast<std::int64_t>(audio_.size()));
      const auto first = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n_all));
      const auto longest =
          static_cast<std::uint64_t>(std::min<std::int64_t>(n_all - first, random() % 4 == 0 ? 200 : 4));
      lanes.push_back(test::lane_of(*prepared, audio_, first, static_cast<std::int64_t>(random() % (longest + 1))));
      if (lanes.size() > 1 && random() % 2 == 0) {  // the same samples as the lane before: may share its spectra
        lanes.back().samples = {std::span<const float>(audio_), {}};
        lanes.back().samples_begin = 0;
        lanes[lanes.size() - 2].samples = lanes.back().samples;
        lanes[lanes.size() - 2].samples_begin = 0;
      }
    }
    const TickPlan& planned = plan(lanes);
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      for (const int times : times_computed(planned, static_cast<std::int32_t>(i))) ASSERT_EQ(times, 1) << round;
    }
    for (const Unit& unit : planned.units()) {
      std::int64_t n_frames = 0;
      for (std::int32_t i = 0; i < unit.n_pieces; ++i) n_frames += planned.piece(unit.first_piece + i).frames.size();
      ASSERT_LE(n_frames, kUnitFrames);
      ASSERT_GT(n_frames, 0);
    }
  }
}

TEST_F(Planned, NeighboursWithEqualTransformAndSamplesShareSpectra) {
  const auto w80 = prepare("whisper-80"), w128 = prepare("whisper-128"), kaldi = prepare("kaldi-80");
  const auto smooth = prepare("whisper-80", Smoothing::kBox3x3);
  Lane a = test::lane_of(*w80, audio_, 10, 10), b = a, c = a, d = a;
  a.samples = b.samples = c.samples = d.samples = {std::span<const float>(audio_), {}};
  a.samples_begin = b.samples_begin = c.samples_begin = d.samples_begin = 0;
  b.prepared = w128.get();
  c.prepared = smooth.get();
  d.prepared = kaldi.get();
  const TickPlan& planned = plan({a, b, c, d});
  std::set<std::int32_t> first_lanes;
  std::int64_t n_frames = 0;
  for (const Unit& unit : planned.units()) {
    for (std::int32_t i = 0; i < unit.n_pieces; ++i) {
      const Piece& piece = planned.piece(unit.first_piece + i);
      first_lanes.insert(planned.strand_of(piece).first_lane);
      n_frames += piece.frames.size();
    }
  }
  EXPECT_EQ(first_lanes, (std::set<std::int32_t>{0, 3}));
  EXPECT_EQ(n_frames, 12 + 10);  // Whisper's with smoothing's neighbours, and Kaldi's
}

TEST_F(Planned, DifferentSamplesAreNotShared) {
  const auto w80 = prepare("whisper-80"), w128 = prepare("whisper-128");
  Lane a = test::lane_of(*w80, audio_, 10, 10), b = a;
  b.prepared = w128.get();
  b.samples[0] = b.samples[0].subspan(160);
  b.samples_begin += 160;
  b.first_row += 1;
  EXPECT_EQ(plan({a, b}).units().size(), 2U);
  b.samples = a.samples;  // the same memory, said to lie elsewhere in its segment
  EXPECT_EQ(plan({a, b}).units().size(), 2U);
  b.samples_begin = a.samples_begin;
  EXPECT_EQ(plan({a, b}).units().size(), 1U);
}

TEST_F(Planned, StreamsOfOneFrontEndFillUnitsTogether) {
  const auto w80 = prepare("whisper-80"), kaldi = prepare("kaldi-80");
  std::vector<Lane> lanes;
  lanes.reserve(64);
  for (int i = 0; i < 64; ++i) lanes.push_back(test::lane_of(i % 2 == 0 ? *w80 : *kaldi, audio_, i, 2));
  EXPECT_EQ(plan(lanes).units().size(), 2U);
}

TEST_F(Planned, ATickBeyondTheLimitsIsAnError) {
  const auto w80 = prepare("whisper-80");
  const std::vector<Lane> lanes(3, test::lane_of(*w80, audio_, 0, 4));
  std::vector<float> rows(std::size_t{12} * 80), maxima(12);
  TickPlan two_lanes(Limits{2, 100}), eleven_rows(Limits{100, 11}), enough(Limits{3, 12});
  EXPECT_THROW(two_lanes.build({lanes, rows, maxima}), core::EngineError);
  EXPECT_THROW(eleven_rows.build({lanes, rows, maxima}), core::EngineError);
  EXPECT_NO_THROW(enough.build({lanes, rows, maxima}));
  EXPECT_THROW(enough.build({lanes, std::span(rows).first(959), maxima}), core::EngineError);
  EXPECT_THROW(enough.build({lanes, rows, std::span(maxima).first(11)}), core::EngineError);
}

}  // namespace
}  // namespace melstream::engine::cpu
