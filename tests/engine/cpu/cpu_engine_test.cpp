// The contract of the seam: a row depends on its front end, smoothing and segment only, bit for bit; no allocation.
#include "melstream/engine/cpu/cpu_engine.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

#include "tests/engine/ticks.hpp"
#include "tests/support/realtime_scope.hpp"

namespace melstream::engine::cpu {
namespace {

using test::all_cases;
using test::Case;
using test::LaneRows;
using test::made_up_audio;
using test::run_tick;

EngineInstance engine_of(const std::string& simd, int n_threads = 1) {
  Options options;
  options.simd = simd;
  options.n_threads = n_threads;
  return make_engine(options);
}

class EveryTarget : public ::testing::TestWithParam<std::string> {
 protected:
  EngineInstance instance_ = engine_of(GetParam());
  Engine& engine_ = *instance_.engine;
};
INSTANTIATE_TEST_SUITE_P(Targets, EveryTarget, ::testing::ValuesIn(targets()), [](const auto& i) { return i.param; });

TEST_P(EveryTarget, RowsOneByOneEqualTheWholeSegment) {
  const std::vector<float> audio = made_up_audio(24000 + 77, 1);
  for (const Case& c : all_cases()) {
    const auto prepared = engine_.prepare(c.front_end, c.smoothing);
    const Lane whole = test::whole_lane(*prepared, audio);
    const LaneRows expected = run_tick(engine_, {whole}).front();
    LaneRows actual;
    for (std::int64_t row = 0; row < whole.n_rows; ++row) {
      const LaneRows one = run_tick(engine_, {test::lane_of(*prepared, audio, row, 1)}).front();
      actual.rows.insert(actual.rows.end(), one.rows.begin(), one.rows.end());
      actual.maxima.insert(actual.maxima.end(), one.maxima.begin(), one.maxima.end());
    }
    EXPECT_EQ(actual, expected) << c.name;
    for (std::size_t row = 0; row < expected.maxima.size(); ++row) {
      const std::size_t n = expected.rows.size() / expected.maxima.size();
      const auto begin = expected.rows.begin() + static_cast<std::ptrdiff_t>(row * n);
      ASSERT_EQ(expected.maxima[row], *std::max_element(begin, begin + static_cast<std::ptrdiff_t>(n))) << c.name;
    }
  }
}

TEST_P(EveryTarget, AGrowingSegmentGivesTheRowsOfTheWholeOne) {
  const std::vector<float> audio = made_up_audio(16000, 2);
  for (const Case& c : all_cases()) {
    const auto prepared = engine_.prepare(c.front_end, c.smoothing);
    const LaneRows whole = run_tick(engine_, {test::whole_lane(*prepared, audio)}).front();
    const std::int64_t n_ready = rows_ready(c.front_end->rows(c.smoothing), 16000);
    ASSERT_GT(n_ready, 5) << c.name;
    const LaneRows open = run_tick(engine_, {test::lane_of(*prepared, audio, 0, n_ready, 1.0, true)}).front();
    const auto n = static_cast<std::ptrdiff_t>(open.rows.size());
    EXPECT_TRUE(std::equal(open.rows.begin(), open.rows.end(), whole.rows.begin(), whole.rows.begin() + n)) << c.name;
  }
}

TEST_P(EveryTarget, WhereTheSamplesAreCutMakesNoDifference) {
  const std::vector<float> audio = made_up_audio(3000, 3);
  for (const Case& c : all_cases()) {
    const auto prepared = engine_.prepare(c.front_end, c.smoothing);
    const std::int64_t n_rows = test::whole_lane(*prepared, audio).n_rows;
    const LaneRows expected = run_tick(engine_, {test::lane_of(*prepared, audio, 0, n_rows)}).front();
    for (double cut = 0.0; cut < 1.0; cut += 0.0317) {
      EXPECT_EQ(run_tick(engine_, {test::lane_of(*prepared, audio, 0, n_rows, cut)}).front(), expected)
          << c.name << cut;
    }
  }
}

TEST_P(EveryTarget, FiveHundredShuffledNeighboursMakeNoDifference) {
  const std::vector<Case> cases = all_cases();
  std::vector<std::shared_ptr<const Prepared>> prepared;
  prepared.reserve(cases.size());
  std::vector<std::vector<float>> audio;
  for (const Case& c : cases) prepared.push_back(engine_.prepare(c.front_end, c.smoothing));
  for (std::uint32_t seed = 0; seed < 50; ++seed) audio.push_back(made_up_audio(6000 + 131 * seed, seed));
  std::vector<Lane> lanes;
  std::vector<LaneRows> alone;
  for (std::size_t i = 0; i < 500; ++i) {
    const auto& p = prepared[i % prepared.size()];
    const std::int64_t n_all = test::whole_lane(*p, audio[i % 50]).n_rows;
    const std::int64_t first = static_cast<std::int64_t>(i) % n_all;
    lanes.push_back(test::lane_of(*p, audio[i % 50], first,
                                  std::min<std::int64_t>(1 + static_cast<std::int64_t>(i) % 12, n_all - first),
                                  static_cast<double>(i % 10) / 10.0));
    alone.push_back(run_tick(engine_, {lanes.back()}).front());
  }
  std::vector<std::size_t> order(lanes.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::mt19937 random(11);
  for (int round = 0; round < 3; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    std::vector<Lane> shuffled;
    shuffled.reserve(order.size());
    for (const std::size_t i : order) shuffled.push_back(lanes[i]);
    const std::vector<LaneRows> together = run_tick(engine_, shuffled);
    for (std::size_t i = 0; i < order.size(); ++i) {
      ASSERT_EQ(together[i], alone[order[i]]) << cases[order[i] % cases.size()].name;
    }
  }
}

TEST_P(EveryTarget, LanesThatShareSpectraEqualLanesThatDoNot) {
  const std::vector<float> audio = made_up_audio(20000, 5);
  const std::vector<std::vector<std::string>> families = {{"whisper-80", "whisper-128", "librosa-80"},
                                                          {"funasr-80", "paraformer-560"},
                                                          {"mfcc-13-c0", "wenet-80", "mfcc-13"},
                                                          {"mfcc-13", "mfcc-13-c0"}};
  FrontEndCatalog catalog;
  for (const auto& names : families) {
    std::vector<std::shared_ptr<const Prepared>> prepared;
    std::vector<Lane> lanes;
    std::vector<LaneRows> alone;
    for (const std::string& name : names) {
      for (const Smoothing smoothing : {Smoothing::kNone, Smoothing::kBox3x3, Smoothing::kBox3x3Valid}) {
        if (smoothing != Smoothing::kNone && !catalog.find(name)->allows_smoothing()) continue;
        prepared.push_back(engine_.prepare(catalog.find(name), smoothing));
        const auto n = static_cast<std::int64_t>(prepared.size());
        Lane lane = test::lane_of(*prepared.back(), audio, 1 + n % 3, 9 + n % 2);
        alone.push_back(run_tick(engine_, {lane}).front());
        lane.samples = {std::span<const float>(audio), {}};
        lane.samples_begin = 0;
        lanes.push_back(lane);
      }
    }
    const std::vector<LaneRows> together = run_tick(engine_, lanes);
    for (std::size_t i = 0; i < lanes.size(); ++i) EXPECT_EQ(together[i], alone[i]) << names[0] << ' ' << i;
  }
}

TEST_P(EveryTarget, AllocatesNothingInATick) {
  const std::vector<float> audio = made_up_audio(16000, 6);
  for (const int n_threads : {1, 3}) {
    const EngineInstance instance = engine_of(GetParam(), n_threads);
    std::vector<std::shared_ptr<const Prepared>> prepared;
    std::vector<Lane> lanes;
    for (const Case& c : all_cases()) {
      prepared.push_back(instance.engine->prepare(c.front_end, c.smoothing));
      for (std::int64_t row = 0; row < 6; ++row) lanes.push_back(test::lane_of(*prepared.back(), audio, row, 3, 0.4));
    }
    std::vector<float> rows(lanes.size() * 3 * 560), maxima(lanes.size() * 3);
    const test::RealtimeScope scope;
    const Ticket first = instance.engine->submit({lanes, rows, maxima});
    while (!instance.engine->poll(first, std::chrono::milliseconds(100))) {
    }
    const std::int64_t n_allocations = scope.allocations();
    EXPECT_EQ(n_allocations, 0) << n_threads;
  }
}

/// Between targets only roundings differ. In the logarithm of a bin far below the frame's peak they are worth more: the
/// tolerance of tests/golden/README.md section 4 with a kappa of 4e-6.
TEST_P(EveryTarget, AgreesWithScalar) {
  const EngineInstance scalar = engine_of("scalar");
  const std::vector<float> audio = made_up_audio(16000, 8);
  for (const Case& c : all_cases()) {
    const auto mine = engine_.prepare(c.front_end, c.smoothing);
    const auto reference = scalar.engine->prepare(c.front_end, c.smoothing);
    const LaneRows actual = run_tick(engine_, {test::whole_lane(*mine, audio)}).front();
    const LaneRows expected = run_tick(*scalar.engine, {test::whole_lane(*reference, audio)}).front();
    ASSERT_EQ(actual.rows.size(), expected.rows.size());
    const bool is_linear = c.front_end->spec().log.base == LogBase::kNone;
    for (std::size_t i = 0; i < actual.rows.size(); ++i) {
      const double v = expected.rows[i];
      const double peak = expected.maxima[i / (expected.rows.size() / expected.maxima.size())];
      const double tolerance = is_linear ? 2e-5 * peak : 2e-4 + 4e-6 * std::exp((peak - v) / 2);
      ASSERT_NEAR(actual.rows[i], v, tolerance) << c.name << " value " << i;
    }
  }
}

TEST(CpuEngine, NamesItsTargetsAndRefusesOthers) {
  const std::vector<std::string> names = targets();
  EXPECT_EQ(names.back(), "scalar");
  EXPECT_EQ(engine_of("auto").info.target, names.front());
  EXPECT_EQ(engine_of("scalar", 2).info.n_threads, 2);
  EXPECT_EQ(engine_of("scalar").info.backend, "cpu");
  try {
    (void)engine_of("mmx");
    FAIL() << "mmx was taken";
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), core::ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.field(), "simd");
    EXPECT_NE(std::string(error.what()).find("scalar"), std::string::npos) << error.what();
  }
  EXPECT_THROW((void)engine_of("auto", 0), core::Error);
}

TEST(CpuEngine, PreparesOnceWhileInUse) {
  const EngineInstance instance = engine_of("auto");
  FrontEndCatalog catalog;
  const auto first = instance.engine->prepare(catalog.find("whisper-80"), Smoothing::kNone);
  EXPECT_EQ(instance.engine->prepare(FrontEndCatalog().find("whisper-80"), Smoothing::kNone), first);
  EXPECT_NE(instance.engine->prepare(catalog.find("whisper-80"), Smoothing::kBox3x3), first);
  std::weak_ptr<const Prepared> gone = instance.engine->prepare(catalog.find("nemo-80"), Smoothing::kNone);
  EXPECT_TRUE(gone.expired());
  try {
    (void)instance.engine->prepare(catalog.find("mfcc-13"), Smoothing::kBox3x3);
    FAIL() << "mfcc-13 was smoothed";
  } catch (const core::Error& error) {
    EXPECT_EQ(error.field(), "smoothing");
  }
}

TEST(CpuEngine, AnEmptyTickAndEmptyLanesAreDoneAtOnce) {
  const EngineInstance instance = engine_of("auto", 2);
  const auto prepared = instance.engine->prepare(FrontEndCatalog().find("kaldi-80"), Smoothing::kNone);
  Lane lane;
  lane.prepared = prepared.get();
  EXPECT_TRUE(instance.engine->poll(instance.engine->submit({}), std::chrono::nanoseconds(0)));
  EXPECT_TRUE(run_tick(*instance.engine, {lane, lane}).back().rows.empty());
}

}  // namespace
}  // namespace melstream::engine::cpu
