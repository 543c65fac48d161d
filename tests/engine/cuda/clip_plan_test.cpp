// How a batch of clips is cut into tiles: every row once, in order, in tiles as large as a unit and no larger.
#include "melstream/engine/cuda/clip_plan.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/cuda/clip_fixture.hpp"
#include "tests/engine/custom_specs.hpp"
#include "tests/engine/ticks.hpp"

namespace melstream::engine::cuda {
namespace {

/// A plan that is made of silence.
struct Planned {
  using Case = test::Case;

  Planned(const Case& c, const std::vector<std::size_t>& lengths, int unit_frames)
      : prepared(c.front_end, c.smoothing, nullptr, unit_frames) {
    std::vector<std::vector<float>> clips;
    for (const std::size_t n : lengths) clips.emplace_back(n);
    ClipBatch batch;
    batch.front_end = c.front_end;
    batch.smoothing = c.smoothing;
    test::OwnedClips owned(batch, clips);
    test::ClipMachine machine;
    plan.build(owned.batch(), prepared, test::EmulatedClipDevice(machine));
  }

  /// The first and the last slot that rows of the batch read.
  IndexRange slots_of(std::int64_t row) const {
    for (const ClipRecord& clip : plan.records()) {
      if (row >= clip.first_row + clip.n_rows) continue;
      const std::int64_t of_clip = row - clip.first_row;
      if (plan.slots().is_sparse) {
        const int m = plan.slots().lfr.m;
        return {clip.first_slot + of_clip * m, clip.first_slot + (of_clip + 1) * m};
      }
      const IndexRange frames = frames_of_rows(prepared.geometry(), of_clip, 1, clip.length);
      return {clip.first_slot + frames.begin, clip.first_slot + frames.end};
    }
    return {};
  }

  PlannedPrepared prepared;
  ClipPlan plan;
};

void expect_tiles(const Planned& planned, int unit_frames) {
  std::int64_t row = 0;
  for (const ClipTile& tile : planned.plan.tiles()) {
    ASSERT_EQ(tile.first_row, row) << "rows in order, each once";
    ASSERT_GT(tile.n_rows, 0);
    ASSERT_LE(tile.n_slots, unit_frames);
    ASSERT_LE(tile.n_slots, planned.plan.most_slots());
    row += tile.n_rows;
    EXPECT_EQ(planned.slots_of(tile.first_row).begin, tile.first_slot);
    EXPECT_EQ(planned.slots_of(row - 1).end, tile.first_slot + tile.n_slots);
    if (row < planned.plan.n_rows()) {
      EXPECT_GT(planned.slots_of(row).end - tile.first_slot, unit_frames) << "one row more would have fitted";
    }
  }
  EXPECT_EQ(row, planned.plan.n_rows());
}

TEST(ClipPlan, EveryRowIsInOneTileAsLargeAsFits) {
  std::vector<test::Case> cases = test::all_cases();
  for (const FrontEndSpec& spec : test::custom_specs()) {
    cases.push_back({std::make_shared<const FrontEnd>(spec), Smoothing::kNone, spec.name});
  }
  std::mt19937 random(3);
  for (const test::Case& c : cases) {
    std::vector<std::size_t> lengths = {0, 1, 399, 400, 560, 30'000};
    for (int i = 0; i < 40; ++i) lengths.push_back(random() % 4'000);
    std::shuffle(lengths.begin(), lengths.end(), random);
    for (const int unit_frames : {64, 100, 512}) {
      SCOPED_TRACE(c.name + ", units of " + std::to_string(unit_frames));
      const Planned planned(c, lengths, unit_frames);
      expect_tiles(planned, unit_frames);
    }
  }
}

TEST(ClipPlan, RecordsCountSlotsAndRowsThroughTheBatch) {
  const test::Case whisper{FrontEndCatalog().find("whisper-80"), Smoothing::kBox3x3Valid, "whisper-80"};
  const Planned planned(whisper, {1'600, 320, 0, 800}, 64);
  const auto records = planned.plan.records();
  ASSERT_EQ(records.size(), 4U);
  const auto expect = [&](std::size_t i, std::int64_t n_frames, std::int64_t n_rows, std::int64_t first_slot,
                          std::int64_t first_row) {
    EXPECT_EQ(records[i].n_frames, n_frames) << i;
    EXPECT_EQ(records[i].n_rows, n_rows) << i;
    EXPECT_EQ(records[i].first_slot, first_slot) << i;
    EXPECT_EQ(records[i].first_row, first_row) << i;
  };
  expect(0, 10, 8, 0, 0);
  expect(1, 2, 0, 10, 8);  // frames that no row needs have no slots
  expect(2, 0, 0, 10, 8);
  expect(3, 5, 3, 10, 8);
  EXPECT_EQ(planned.plan.n_rows(), 11);
  EXPECT_EQ(planned.plan.n_tasks(), 0) << "rows are final as they are written";
}

}  // namespace
}  // namespace melstream::engine::cuda
