// The whole CUDA engine on an emulated device against the CPU engine.
#include "melstream/engine/cuda/cuda_engine.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "melstream/engine/cpu/cpu_engine.hpp"

#include "tests/engine/cuda/emulated_device.hpp"
#include "tests/engine/ticks.hpp"

namespace melstream::engine::cuda {
namespace {

using test::LaneRows;

class EmulatedEngine : public ::testing::Test {
 protected:
  std::unique_ptr<CudaEngine> make(Options options = {}) {
    if (options.unit_frames == 8192) options.unit_frames = 64;
    return make_engine(test::make_emulated_device(faults_, log_), options);
  }

  test::Faults faults_;
  test::DeviceLog log_;
};

TEST_F(EmulatedEngine, AgreesWithTheCpuEngineOnEveryFrontEnd) {
  const std::vector<float> audio = test::made_up_audio(24000 + 77, 1);
  const auto cpu = cpu::make_engine({});
  const auto cuda = make();
  for (const test::Case& c : test::all_cases()) {
    const auto reference = cpu.engine->prepare(c.front_end, c.smoothing);
    const auto prepared = cuda->prepare(c.front_end, c.smoothing);
    const LaneRows expected = test::run_tick(*cpu.engine, {test::whole_lane(*reference, audio)}).front();
    const LaneRows actual = test::run_tick(*cuda, {test::whole_lane(*prepared, audio)}).front();
    ASSERT_EQ(actual.rows.size(), expected.rows.size()) << c.name;
    float worst = 0.0F;
    for (std::size_t i = 0; i < expected.rows.size(); ++i) {
      worst = std::max(worst, std::abs(actual.rows[i] - expected.rows[i]) / std::max(1.0F, std::abs(expected.rows[i])));
    }
    EXPECT_LT(worst, 1e-3F) << c.name;
    printf("%s %g\n", c.name.c_str(), double(worst));
  }
}

}  // namespace
}  // namespace melstream::engine::cuda
