// The contract that a row depends only on its front end and its segment's samples: not on its neighbours in the tick,
// its place among them, the number of threads, or what shares its spectra.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/engine/cpu/cpu_engine.hpp"

#include "tests/engine/requests.hpp"
#include "tests/support/extract.hpp"
#include "tests/support/golden.hpp"

namespace melstream::test {
namespace {

using engine::Lane;
using engine::Smoothing;

std::unique_ptr<engine::Engine> cpu(const std::string& target, int n_threads) {
  return engine::cpu::make_engine({target, n_threads, {}}).engine;
}

TEST(BatchInvariance, FiveHundredNeighboursAndAnyNumberOfThreadsChangeNoBit) {
  constexpr std::size_t kLanes = 501;
  const auto requests = random_requests(kLanes, 3);
  for (const std::string& target : engine::cpu::targets()) {
    Bench alone(cpu(target, 1), requests);
    const std::vector<Matrix> expected = each_alone(alone, kLanes);
    for (const int n_threads : {1, 2, 5}) {
      Bench bench(cpu(target, n_threads), requests);
      const auto changed = changed_by_neighbours(bench, expected, 3, 11);
      EXPECT_FALSE(changed) << target << ", " << n_threads << " threads, " << requests[*changed].front_end << ", row "
                            << requests[*changed].first_row;
    }
  }
}

TEST(BatchInvariance, LanesThatShareSpectraGetTheBitsTheyGetAlone) {
  const std::vector<float>& clip = GoldenSet::instance().audio("espeak");
  const std::span<const float> segment = std::span(clip).first(20'000);
  // Whisper's share one transform, kaldi-80 and kaldi-80-hf0 another; ranges differ, touch, and lie apart.
  const std::vector<Request> requests = {{"whisper-80", Smoothing::kNone, segment, 10, 7, false},
                                         {"whisper-128", Smoothing::kNone, segment, 12, 9, false},
                                         {"whisper-80", Smoothing::kBox3x3, segment, 5, 6, false},
                                         {"whisper-128", Smoothing::kBox3x3Valid, segment, 60, 3, false},
                                         {"whisper-80", Smoothing::kNone, segment, 0, 125, false},
                                         {"kaldi-80", Smoothing::kNone, segment, 30, 4, false},
                                         {"kaldi-80-hf0", Smoothing::kBox3x3, segment, 33, 20, false},
                                         {"kaldi-80", Smoothing::kNone, segment, 124, 1, false}};
  for (const std::string& target : engine::cpu::targets()) {
    for (const int n_threads : {1, 3}) {
      Bench bench(cpu(target, n_threads), requests);
      const std::vector<Matrix> expected = each_alone(bench, requests.size());
      const std::vector<Lane> lanes = sharing_samples(bench, requests.size(), segment);
      const std::vector<Matrix> shared = run_tick(bench.engine(), lanes);
      for (std::size_t i = 0; i < requests.size(); ++i) {
        EXPECT_TRUE(shared[i] == expected[i]) << target << ", lane " << i << ", " << requests[i].front_end;
      }
    }
  }
}

TEST(BatchInvariance, TicksUnderWayTogetherDoNotMix) {
  const auto requests = random_requests(60, 5);
  for (const std::string& target : engine::cpu::targets()) {
    Bench bench(cpu(target, 2), requests);
    const std::vector<Matrix> expected = each_alone(bench, requests.size());
    // Both ticks are submitted before either is asked for; the later one is asked for first.
    std::vector<Lane> lanes[2];
    std::vector<float> rows[2];
    std::vector<float> maxima[2];
    engine::Ticket tickets[2] = {};
    for (std::size_t tick = 0; tick < 2; ++tick) {
      std::size_t n_values = 0;
      std::size_t n_rows = 0;
      for (std::size_t i = tick; i < requests.size(); i += 2) {
        lanes[tick].push_back(bench.lane(i));
        n_values += expected[i].values.size();
        n_rows += expected[i].rows;
      }
      rows[tick].resize(n_values);
      maxima[tick].resize(n_rows);
      tickets[tick] = bench.engine().submit({lanes[tick], rows[tick], maxima[tick]});
    }
    for (const std::size_t tick : {std::size_t{1}, std::size_t{0}}) {
      while (!bench.engine().poll(tickets[tick], std::chrono::seconds(1))) {
      }
      auto at = rows[tick].cbegin();
      for (std::size_t i = tick; i < requests.size(); i += 2) {
        EXPECT_TRUE(std::equal(expected[i].values.begin(), expected[i].values.end(), at)) << target << ", lane " << i;
        at += static_cast<std::ptrdiff_t>(expected[i].values.size());
      }
    }
  }
}

TEST(BatchInvariance, ASegmentsRowsAreThoseOfItsSamplesAsAClip) {
  // A segment that starts anywhere is a clip of its own: nothing before it is read.
  const std::vector<float>& clip = GoldenSet::instance().audio("espeak");
  const engine::FrontEndCatalog catalog;
  const auto instance = engine::cpu::make_engine({});
  for (const auto& front_end : catalog.all()) {
    const auto prepared = instance.engine->prepare(front_end, Smoothing::kNone);
    const std::vector<float> copy(clip.begin() + 12'345, clip.begin() + 17'000);
    const auto within = std::span(clip).subspan(12'345, copy.size());
    const auto n_samples = static_cast<std::int64_t>(copy.size());
    Lane lane;
    lane.prepared = prepared.get();
    lane.n_rows = static_cast<std::int32_t>(engine::row_count(front_end->rows(Smoothing::kNone), n_samples));
    lane.segment_samples = n_samples;
    lane.samples = {within.first(1'000), within.subspan(1'000)};
    EXPECT_TRUE(run_tick(*instance.engine, std::span(&lane, 1)).front() ==
                whole_clip(*instance.engine, *prepared, copy))
        << front_end->name();
  }
}

}  // namespace
}  // namespace melstream::test
