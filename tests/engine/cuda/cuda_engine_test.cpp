// The whole CUDA engine on an emulated device: every front end against the CPU engine, users' own against the oracle.
#include "melstream/engine/cuda/cuda_engine.hpp"

#include <array>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/engine/cpu/cpu_engine.hpp"

#include "tests/engine/cuda/emulated_cuda.hpp"
#include "tests/engine/custom_specs.hpp"
#include "tests/support/extract.hpp"
#include "tests/support/oracle.hpp"

namespace melstream::test {
namespace {

using engine::FrontEnd;
using engine::FrontEndSpec;
using engine::Smoothing;

TEST(CudaEngine, AgreesWithTheCpuEngineOnEveryFrontEndAndSmoothing) {
  EmulatedCuda machine;
  const auto cuda = machine.make();
  const auto cpu = engine::cpu::make_engine({});
  for (const std::size_t n_samples : {std::size_t{16'000}, std::size_t{1'777}, std::size_t{401}}) {
    const std::vector<float> clip = speech_in_noise(n_samples);
    for (const Case& c : all_cases()) {
      const auto reference = cpu.engine->prepare(c.front_end, c.smoothing);
      const auto prepared = cuda->prepare(c.front_end, c.smoothing);
      const Matrix expected = whole_clip(*cpu.engine, *reference, clip);
      const Matrix actual = whole_clip(*cuda, *prepared, clip);
      EXPECT_EQ(compare(expected, actual, float_tolerance(c.front_end->spec())).reason, "")
          << c.name << " of " << n_samples << " samples";
    }
  }
}

/// Whole and streamed.
void expect_oracle(engine::Engine& cuda, const std::shared_ptr<const FrontEnd>& front_end, Smoothing smoothing,
                   const std::vector<float>& clip) {
  SCOPED_TRACE(std::to_string(clip.size()) + " samples\n" + front_end->canonical_text());
  const Matrix expected = to_float(oracle_rows(front_end->spec(), smoothing, clip));
  const auto prepared = cuda.prepare(front_end, smoothing);
  const Matrix whole = whole_clip(cuda, *prepared, clip);
  EXPECT_EQ(compare(expected, whole, float_tolerance(front_end->spec())).reason, "");
  const std::array<std::size_t, 1> chunk_sizes{333};
  EXPECT_TRUE(streamed_clip(cuda, *prepared, clip, chunk_sizes) == whole);
}

void expect_oracle(const FrontEndSpec& spec) {
  EmulatedCuda machine;
  const auto cuda = machine.make();
  const auto front_end = std::make_shared<const FrontEnd>(spec);
  for (const std::size_t n_samples : {std::size_t{2'000}, std::size_t{777}, std::size_t{90}}) {
    const std::vector<float> clip = speech_in_noise(n_samples);
    expect_oracle(*cuda, front_end, Smoothing::kNone, clip);
    if (front_end->allows_smoothing()) expect_oracle(*cuda, front_end, Smoothing::kBox3x3, clip);
  }
}

class CudaCustomFrontEndTest : public testing::TestWithParam<FrontEndSpec> {};

TEST_P(CudaCustomFrontEndTest, AgreesWithTheOracle) { expect_oracle(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Definitions, CudaCustomFrontEndTest, testing::ValuesIn(custom_specs()),
                         [](const auto& tested) { return tested.param.name; });

TEST(CudaRandomFrontEnds, AgreeWithTheOracle) {
  std::mt19937 random(2025);
  for (int i = 0; i < 15; ++i) expect_oracle(random_spec(random));
}

TEST(CudaEngine, EmptyTicksAndLanesAreDoneAtOnce) {
  EmulatedCuda machine;
  const auto cuda = machine.make();
  OwnedTick nothing({});
  EXPECT_TRUE(cuda->poll(cuda->submit(nothing.tick()), std::chrono::nanoseconds(0)));
  const auto prepared = cuda->prepare(engine::FrontEndCatalog().find("whisper-80"), Smoothing::kNone);
  const std::vector<float> audio = made_up_audio(4000, 1);
  const engine::Lane empty = lane_of(*prepared, audio, 3, 0);
  OwnedTick no_rows({empty, empty});
  EXPECT_TRUE(cuda->poll(cuda->submit(no_rows.tick()), std::chrono::nanoseconds(0)));
  // Between lanes with rows they change nothing.
  const engine::Lane lane = lane_of(*prepared, audio, 3, 5);
  const std::vector<LaneRows> alone = run_tick(*cuda, {lane}), together = run_tick(*cuda, {empty, lane, empty, lane});
  EXPECT_EQ(together[1], alone[0]);
  EXPECT_EQ(together[3], alone[0]);
}

TEST(CudaEngine, CountsWhatGoesOverTheLink) {
  EmulatedCuda machine;
  engine::cuda::Options options = EmulatedCuda::small_units();
  options.read_in_place = false;
  const auto cuda = machine.make(options);
  const auto prepared = cuda->prepare(engine::FrontEndCatalog().find("whisper-80"), Smoothing::kNone);
  const std::vector<float> audio = made_up_audio(16'000, 2);
  static_cast<void>(run_tick(*cuda, {lane_of(*prepared, audio, 5, 10), lane_of(*prepared, audio, 50, 1)}));
  const engine::cuda::Counters& counters = cuda->counters();
  EXPECT_EQ(counters.n_ticks, 1U);
  EXPECT_EQ(counters.n_slices, 1U);
  EXPECT_EQ(counters.n_copies, 2U);
  EXPECT_EQ(counters.n_frames, 11U);
  EXPECT_EQ(counters.n_launches, 3U) << "gather, transform, rows";
  EXPECT_EQ(counters.downloaded_bytes, 11U * 81 * sizeof(float)) << "rows and their maxima";
  // Ten frames as one span, one by itself; per frame where its samples lie and where its row goes.
  EXPECT_EQ(counters.uploaded_bytes, (9U * 160 + 400 + 400) * sizeof(float) + 11U * 16 + 12U * 8);
}

}  // namespace
}  // namespace melstream::test
