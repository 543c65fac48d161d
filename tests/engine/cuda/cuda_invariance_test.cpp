// The contract that a row depends only on its front end and its segment's samples, for the CUDA engine: not on chunks,
// neighbours, what shares its spectra, the sizes of units, slices and batches, or ticks under way.
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/engine/cuda/limits.hpp"

#include "tests/engine/cuda/emulated_cuda.hpp"
#include "tests/engine/custom_specs.hpp"
#include "tests/engine/requests.hpp"

namespace melstream::test {
namespace {

using engine::Lane;
using engine::Prepared;
using engine::Smoothing;

TEST(CudaInvariance, AnyChunkingGivesTheBitsOfTheWholeClip) {
  EmulatedCuda machine;
  const auto cuda = machine.make();
  for (const std::size_t n_samples : {std::size_t{3'300}, std::size_t{561}}) {
    const std::vector<float> clip = speech_in_noise(n_samples);
    for (const Case& c : all_cases()) {
      const auto prepared = cuda->prepare(c.front_end, c.smoothing);
      const Matrix whole = whole_clip(*cuda, *prepared, clip);
      for (const auto& chunk_sizes : chunkings()) {
        EXPECT_TRUE(streamed_clip(*cuda, *prepared, clip, chunk_sizes) == whole)
            << c.name << ", " << n_samples << " samples in chunks of " << chunk_sizes.front();
      }
    }
  }
}

TEST(CudaInvariance, FiveHundredNeighboursChangeNoBitInUnitsOfAnySize) {
  constexpr std::size_t kLanes = 500;
  const auto requests = random_requests(kLanes, 3);
  EmulatedCuda machine;
  Bench alone(machine.make(), requests);
  const std::vector<Matrix> expected = each_alone(alone, kLanes);
  for (const int unit_frames : {64, 128, 256}) {
    Bench bench(machine.make(EmulatedCuda::small_units(unit_frames)), requests);
    const auto changed = changed_by_neighbours(bench, expected, 2, static_cast<unsigned>(unit_frames));
    EXPECT_FALSE(changed) << "units of " << unit_frames << ", " << requests[*changed].front_end << ", row "
                          << requests[*changed].first_row;
  }
}

TEST(CudaInvariance, LanesThatShareSpectraGetTheBitsTheyGetAlone) {
  const std::vector<float> clip = speech_in_noise(16'000);
  const std::span<const float> segment(clip);
  // Whisper's share one transform, kaldi-80 and kaldi-80-hf0 another, cepstra with and without energy a third; ranges
  // differ, touch, and lie apart; more share than one strand holds.
  const std::vector<Request> requests = {{"whisper-80", Smoothing::kNone, segment, 10, 7, false},
                                         {"whisper-128", Smoothing::kNone, segment, 12, 9, false},
                                         {"whisper-80", Smoothing::kBox3x3, segment, 5, 6, false},
                                         {"whisper-128", Smoothing::kBox3x3Valid, segment, 12, 80, false},
                                         {"whisper-80", Smoothing::kBox3x3Valid, segment, 60, 3, false},
                                         {"whisper-80", Smoothing::kNone, segment, 0, 100, false},
                                         {"kaldi-80", Smoothing::kNone, segment, 30, 4, false},
                                         {"kaldi-80-hf0", Smoothing::kBox3x3, segment, 33, 20, false},
                                         {"kaldi-80", Smoothing::kNone, segment, 99, 1, false},
                                         {"wenet-80", Smoothing::kNone, segment, 20, 9, false},
                                         {"mfcc-13", Smoothing::kNone, segment, 22, 70, false},
                                         {"mfcc-13-c0", Smoothing::kNone, segment, 25, 3, false},
                                         {"funasr-80", Smoothing::kBox3x3, segment, 0, 98, false},
                                         {"paraformer-560", Smoothing::kNone, segment, 0, 17, false},
                                         {"funasr-80", Smoothing::kNone, segment, 5, 5, false}};
  for (const int unit_frames : {64, 256}) {
    EmulatedCuda machine;
    Bench bench(machine.make(EmulatedCuda::small_units(unit_frames)), requests);
    const std::vector<Matrix> expected = each_alone(bench, requests.size());
    const std::int64_t n_transformed = machine.log.n_gathered;
    const std::vector<Lane> lanes = sharing_samples(bench, requests.size(), segment);
    const std::vector<Matrix> shared = run_tick(bench.engine(), std::span<const Lane>(lanes));
    for (std::size_t i = 0; i < requests.size(); ++i) {
      EXPECT_TRUE(shared[i] == expected[i]) << "units of " << unit_frames << ", lane " << i;
    }
    EXPECT_LT(machine.log.n_gathered - n_transformed, n_transformed) << "spectra were shared";
  }
}

TEST(CudaInvariance, TicksUnderWayTogetherDoNotMix) {
  const auto requests = random_requests(240, 5);
  EmulatedCuda machine;
  Bench bench(machine.make(), requests);
  const std::vector<Matrix> expected = each_alone(bench, requests.size());
  for (const std::size_t n_ticks : {std::size_t{2}, std::size_t{3}, std::size_t{5}}) {
    for (const bool last_first : {false, true}) {
      // All are submitted before any is asked for.
      std::vector<OwnedTick> ticks;
      std::vector<engine::Ticket> tickets;
      for (std::size_t tick = 0; tick < n_ticks; ++tick) {
        std::vector<Lane> lanes;
        for (std::size_t i = tick; i < requests.size(); i += n_ticks) lanes.push_back(bench.lane(i));
        ticks.emplace_back(lanes);
      }
      for (OwnedTick& tick : ticks) tickets.push_back(bench.engine().submit(tick.tick()));
      for (std::size_t k = 0; k < n_ticks; ++k) {
        const std::size_t tick = last_first ? n_ticks - 1 - k : k;
        finish(bench.engine(), tickets[tick]);
        const std::vector<LaneRows> rows = ticks[tick].lane_rows();
        for (std::size_t i = 0; i < rows.size(); ++i) {
          ASSERT_TRUE(rows[i].rows == expected[tick + i * n_ticks].values)
              << "tick " << tick << " of " << n_ticks << ", lane " << i;
        }
      }
    }
  }
}

/// A tick of one lane each for front ends that share nothing but their transform.
class ManyRecipes {
 public:
  ManyRecipes(engine::Engine& engine, std::size_t n) : clip_(speech_in_noise(16'000)) {
    const engine::FrontEndCatalog catalog;
    for (std::size_t i = 0; i < n; ++i) {
      engine::Cmvn cmvn{std::vector<float>(560, static_cast<float>(i)), std::vector<float>(560, 0.5F)};
      prepared_.push_back(engine.prepare(catalog.with_cmvn("paraformer-560", cmvn), Smoothing::kNone));
      lanes_.push_back(lane_of(*prepared_.back(), clip_, static_cast<std::int64_t>(i % 15), 1));
    }
  }
  const std::vector<Lane>& lanes() const { return lanes_; }

 private:
  std::vector<float> clip_;
  std::vector<std::shared_ptr<const Prepared>> prepared_;
  std::vector<Lane> lanes_;
};

TEST(CudaInvariance, MoreRecipesThanASliceHasUnits) {
  constexpr std::size_t kUnits = engine::cuda::kSliceUnits;
  for (const std::size_t n : {kUnits - 1, kUnits, kUnits + 1, 3 * kUnits + 5}) {
    EmulatedCuda machine;
    const auto cuda = machine.make(EmulatedCuda::small_units(512));
    const ManyRecipes recipes(*cuda, n);
    const std::vector<LaneRows> rows = run_tick(*cuda, recipes.lanes());
    EXPECT_EQ(cuda->counters().n_slices, (n + kUnits - 1) / kUnits);
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_EQ(rows[i], run_tick(*cuda, {recipes.lanes()[i]})[0]) << i << " of " << n;
    }
  }
}

TEST(CudaInvariance, TicksLargerThanASlice) {
  // Ten copies, so that lanes share no spectra: about a thousand frames. Units and slices end anywhere in them.
  const std::vector<std::vector<float>> clips(10, speech_in_noise(16'000));
  const engine::FrontEndCatalog catalog;
  for (const int unit_frames : {64, 128}) {
    EmulatedCuda machine;
    const auto cuda = machine.make(EmulatedCuda::small_units(unit_frames));
    for (const char* name : {"whisper-80", "kaldi-80", "paraformer-560", "nemo-80"}) {
      const auto front_end = catalog.find(name);
      const Smoothing smoothing = front_end->allows_smoothing() ? Smoothing::kBox3x3 : Smoothing::kNone;
      const auto prepared = cuda->prepare(front_end, smoothing);
      std::vector<Lane> lanes;
      for (const std::vector<float>& clip : clips) lanes.push_back(whole_lane(*prepared, clip));
      const std::uint64_t n_slices = cuda->counters().n_slices;
      const std::vector<LaneRows> rows = run_tick(*cuda, lanes);
      EXPECT_GT(cuda->counters().n_slices - n_slices, 3U);
      std::vector<float> row_by_row;
      for (std::int64_t row = 0; row < lanes[0].n_rows; ++row) {
        const std::vector<float> one = run_tick(*cuda, {lane_of(*prepared, clips[0], row, 1)})[0].rows;
        row_by_row.insert(row_by_row.end(), one.begin(), one.end());
      }
      for (const LaneRows& lane : rows) EXPECT_TRUE(lane.rows == row_by_row) << name << ", units of " << unit_frames;
    }
  }
}

TEST(CudaInvariance, LargestTickOfTheLimits) {
  // Segments of one frame each, stacked: as many and as long rows as a frame can ask for.
  engine::FrontEndSpec spec = engine::FrontEndCatalog().find("kaldi-80")->spec();
  spec.name = "much-of-little";
  spec.transform.geometry.hop = 100;
  spec.lfr = {64, 64};
  const auto front_end = std::make_shared<const engine::FrontEnd>(spec);
  EmulatedCuda machine;
  engine::cuda::Options options = EmulatedCuda::small_units(4096);
  options.limits = {.max_lanes = 4096, .max_rows = 4096};
  const auto cuda = machine.make(options);
  const auto prepared = cuda->prepare(front_end, Smoothing::kNone);
  const std::vector<float> audio = made_up_audio(100, 1);
  const std::vector<Lane> lanes(4096, whole_lane(*prepared, audio));
  ASSERT_EQ(lanes[0].n_rows, 1);
  const std::vector<LaneRows> alone = run_tick(*cuda, {lanes[0]}), together = run_tick(*cuda, lanes);
  for (const LaneRows& lane : together) ASSERT_EQ(lane, alone[0]);
}

TEST(CudaInvariance, ASegmentsRowsAreThoseOfItsSamplesAsAClip) {
  const std::vector<float> clip = speech_in_noise(16'000);
  EmulatedCuda machine;
  const auto cuda = machine.make();
  for (const Case& c : all_cases()) {
    const auto prepared = cuda->prepare(c.front_end, c.smoothing);
    const std::vector<float> copy(clip.begin() + 5'345, clip.begin() + 10'000);
    Lane lane = whole_lane(*prepared, copy);
    lane.samples_begin = 0;
    lane.samples = {std::span(clip).subspan(5'345, 1'000), std::span(clip).subspan(6'345, copy.size() - 1'000)};
    EXPECT_EQ(run_tick(*cuda, {lane})[0].rows, whole_clip(*cuda, *prepared, copy).values) << c.name;
  }
}

}  // namespace
}  // namespace melstream::test
