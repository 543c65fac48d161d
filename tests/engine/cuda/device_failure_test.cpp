// A device that cannot be used or fails: one error, no wrong row, and a clean end.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/cuda/emulated_cuda.hpp"
#include "tests/engine/custom_specs.hpp"

namespace melstream::test {
namespace {

using engine::Lane;
using engine::PluginError;
using engine::Prepared;
using engine::Smoothing;
using engine::cuda::UnusableDevice;
using std::chrono::nanoseconds;

/// A short run: start, front ends, three ticks of which two are under way together.
class ShortLife {
 public:
  explicit ShortLife(EmulatedCuda& machine) : machine_(machine) {}

  /// @param expected rows of the three ticks, filled if empty. Throws what the engine throws.
  void life(std::vector<std::vector<LaneRows>>& expected) {
    ticks_.clear();
    cuda_ = machine_.make();
    const engine::FrontEndCatalog catalog;
    prepared_ = {cuda_->prepare(catalog.find("whisper-80"), Smoothing::kBox3x3),
                 cuda_->prepare(catalog.find("mfcc-13"), Smoothing::kNone)};
    cuda_->register_host(std::as_writable_bytes(std::span(audio_)));
    for (std::int64_t tick = 0; tick < 3; ++tick) {
      std::vector<Lane> lanes;
      for (const auto& prepared : prepared_) lanes.push_back(lane_of(*prepared, audio_, 5 * tick, 40));
      ticks_.emplace_back(lanes);
    }
    const engine::Ticket first = cuda_->submit(ticks_[0].tick()), second = cuda_->submit(ticks_[1].tick());
    finish(first, 0, expected);
    const engine::Ticket third = cuda_->submit(ticks_[2].tick());
    finish(second, 1, expected);
    finish(third, 2, expected);
  }

  /// After an error: every call throws, and rows that were not given stay as they are, to the end.
  void expect_lost() {
    if (!cuda_) return;
    std::vector<std::vector<LaneRows>> rows;
    for (const OwnedTick& tick : ticks_) rows.push_back(tick.lane_rows());
    OwnedTick late(ticks_.empty() ? std::vector<Lane>() : std::vector<Lane>(1, first_lane()));
    EXPECT_THROW(cuda_->submit(late.tick()), core::EngineError);
    EXPECT_THROW(cuda_->poll(1, nanoseconds(0)), core::EngineError);
    EXPECT_THROW(cuda_->prepare(engine::FrontEndCatalog().find("nemo-80"), Smoothing::kNone), core::EngineError);
    EXPECT_THROW(cuda_->register_host(std::as_writable_bytes(std::span(audio_))), core::EngineError);
    prepared_.clear();
    cuda_.reset();
    for (std::size_t i = 0; i < ticks_.size(); ++i) EXPECT_EQ(ticks_[i].lane_rows(), rows[i]);
  }

  void end() {
    prepared_.clear();
    cuda_.reset();
  }

 private:
  Lane first_lane() const { return lane_of(*prepared_[0], audio_, 0, 1); }
  void finish(engine::Ticket ticket, std::size_t tick, std::vector<std::vector<LaneRows>>& expected) {
    test::finish(*cuda_, ticket);
    if (expected.size() <= tick) expected.push_back(ticks_[tick].lane_rows());
    EXPECT_EQ(ticks_[tick].lane_rows(), expected[tick]);
  }

  EmulatedCuda& machine_;
  std::vector<float> audio_ = speech_in_noise(9'000);
  std::unique_ptr<engine::cuda::CudaEngine> cuda_;
  std::vector<std::shared_ptr<const Prepared>> prepared_;
  std::vector<OwnedTick> ticks_;
};

TEST(CudaFailure, AtEveryOperationIsAnErrorAndNeverAWrongRow) {
  std::vector<std::vector<LaneRows>> expected;
  std::int64_t n_operations = 0;
  {
    EmulatedCuda machine;
    ShortLife run(machine);
    run.life(expected);
    run.end();
    n_operations = machine.log.n_operations;
  }
  ASSERT_GT(n_operations, 150);
  for (std::int64_t k = 0; k < n_operations; ++k) {
    SCOPED_TRACE("fails after " + std::to_string(k) + " of " + std::to_string(n_operations) + " operations");
    EmulatedCuda machine;
    machine.faults.fail_after_operations = k;
    ShortLife run(machine);
    EXPECT_THROW(run.life(expected), core::EngineError);
    run.expect_lost();
    EXPECT_EQ(machine.log.device_bytes, 0U);
    EXPECT_EQ(machine.log.pinned_bytes, 0U);
  }
}

TEST(CudaFailure, TooLittleMemoryIsSaid) {
  EmulatedCuda enough;
  static_cast<void>(enough.make());
  std::size_t needed = 0;
  {
    const auto cuda = enough.make();
    needed = enough.log.device_bytes;
  }
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{4096}, needed / 2, needed - 1}) {
    EmulatedCuda machine;
    machine.faults.memory_bytes = bytes;
    try {
      static_cast<void>(machine.make());
      ADD_FAILURE() << bytes << " bytes of " << needed << " were enough";
    } catch (const UnusableDevice& unusable) {
      EXPECT_EQ(unusable.why(), PluginError::kOutOfMemory);
    }
    EXPECT_EQ(machine.log.device_bytes, 0U);
    EXPECT_EQ(machine.log.pinned_bytes, 0U);
  }
}

TEST(CudaFailure, TooLittleMemoryForOneMoreFrontEndLeavesTheOthers) {
  EmulatedCuda machine;
  const auto cuda = machine.make();
  const engine::FrontEndCatalog catalog;
  const auto prepared = cuda->prepare(catalog.find("whisper-80"), Smoothing::kNone);
  const std::vector<float> audio = made_up_audio(4000, 1);
  const std::vector<LaneRows> expected = run_tick(*cuda, {whole_lane(*prepared, audio)});
  machine.faults.memory_bytes = machine.log.device_bytes + 1000;
  EXPECT_THROW(cuda->prepare(catalog.find("kaldi-80"), Smoothing::kNone), UnusableDevice);
  EXPECT_EQ(run_tick(*cuda, {whole_lane(*prepared, audio)}), expected);
  machine.faults.memory_bytes *= 2;
  EXPECT_EQ(cuda->prepare(catalog.find("kaldi-80"), Smoothing::kNone)->front_end().name(), "kaldi-80");
}

TEST(CudaFailure, ADeviceWithoutBatchInvarianceIsNotUsed) {
  EmulatedCuda machine;
  machine.faults.bits_depend_on_neighbours = true;
  engine::cuda::Options options = EmulatedCuda::small_units();
  options.front_ends = {engine::FrontEndCatalog().find("whisper-80")};
  try {
    static_cast<void>(machine.make(options));
    ADD_FAILURE() << "the probe found nothing";
  } catch (const UnusableDevice& unusable) {
    EXPECT_EQ(unusable.why(), PluginError::kProbeFailed);
  }
  EXPECT_EQ(machine.log.device_bytes, 0U);
  EXPECT_EQ(machine.log.pinned_bytes, 0U);
}

TEST(CudaFailure, WhereBitsDependOnTheBatchAFixedPlanKeepsThem) {
  EmulatedCuda machine, sound;
  machine.faults.bits_depend_on_batch = true;
  const auto cuda = machine.make(EmulatedCuda::small_units(512)), reference = sound.make();
  const std::vector<float> clip = speech_in_noise(16'000);
  const engine::FrontEndCatalog catalog;
  for (const char* name : {"whisper-80", "paraformer-560"}) {
    const auto prepared = cuda->prepare(catalog.find(name), Smoothing::kNone);
    EXPECT_TRUE(cuda->uses_fixed_plans());
    std::vector<Lane> lanes;
    std::vector<std::vector<float>> copies(9, clip);  // so that lanes share nothing: a unit of more than one plan
    for (const std::vector<float>& copy : copies) lanes.push_back(whole_lane(*prepared, copy));
    const std::vector<LaneRows> together = run_tick(*cuda, lanes);
    for (const LaneRows& lane : together) EXPECT_EQ(lane, together[0]);
    for (std::int64_t row = 0; row < lanes[0].n_rows; row += 11) {
      const std::vector<float> alone = run_tick(*cuda, {lane_of(*prepared, clip, row, 1)})[0].rows;
      const auto at = together[0].rows.begin() + row * static_cast<std::int64_t>(alone.size());
      EXPECT_TRUE(std::equal(alone.begin(), alone.end(), at)) << name << " row " << row;
    }
    const auto sound_one = reference->prepare(catalog.find(name), Smoothing::kNone);
    const std::vector<float> expected = run_tick(*reference, {whole_lane(*sound_one, clip)})[0].rows;
    for (std::size_t i = 0; i < expected.size(); ++i) ASSERT_NEAR(together[0].rows[i], expected[i], 1e-2) << i;
  }
  EXPECT_FALSE(reference->uses_fixed_plans());
}

TEST(CudaTicks, BeyondTheLimitsAreRefused) {
  EmulatedCuda machine;
  engine::cuda::Options options = EmulatedCuda::small_units();
  options.limits = {.max_lanes = 2, .max_rows = 20};
  const std::vector<float> audio = made_up_audio(4000, 2);
  for (const auto& [n_lanes, n_rows] : {std::pair{std::size_t{3}, 1}, {std::size_t{2}, 11}}) {
    const auto cuda = machine.make(options);
    const auto prepared = cuda->prepare(engine::FrontEndCatalog().find("whisper-80"), Smoothing::kNone);
    OwnedTick within({lane_of(*prepared, audio, 0, 10), lane_of(*prepared, audio, 0, 10)});
    finish(*cuda, cuda->submit(within.tick()));
    OwnedTick beyond(std::vector<Lane>(n_lanes, lane_of(*prepared, audio, 0, n_rows)));
    EXPECT_THROW(cuda->submit(beyond.tick()), core::EngineError);
  }
}

}  // namespace
}  // namespace melstream::test
