// The plans of one FFT length: which batch runs, what memory they take, and what the probe finds.
#include "melstream/engine/cuda/fft_plans.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <complex>
#include <cstddef>
#include <mutex>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/cuda/emulated_cuda.hpp"
#include "tests/support/oracle_spectrum.hpp"

namespace melstream::engine::cuda {
namespace {

constexpr int kFft = 480;
constexpr std::size_t kBins = kFft / 2 + 1;

class FftPlansTest : public testing::Test {
 protected:
  FftPlans plans(int max_frames, int n_fft = kFft) {
    return {SharedDevice{*device_, queue_mutex_, machine_.clock}, n_fft, max_frames};
  }
  void wait() {
    device_->queue().mark_async(0);
    while (!device_->queue().has_reached(0)) {
    }
  }

  test::EmulatedCuda machine_;
  std::unique_ptr<Device> device_ = test::make_emulated_device(machine_.faults, machine_.log);
  std::mutex queue_mutex_;
};

TEST_F(FftPlansTest, BatchesArePowersOfTwoThatShareOneWorkArea) {
  const std::size_t bytes_before = machine_.log.device_bytes;
  const FftPlans made = plans(256);
  EXPECT_EQ(machine_.log.n_plans, 4) << "32, 64, 128, 256";
  EXPECT_FALSE(made.is_fixed());
  EXPECT_EQ(made.n_fft(), kFft);
  EXPECT_EQ(made.max_frames(), 256);
  EXPECT_EQ(machine_.log.device_bytes - bytes_before, 64U * 256) << "the largest plan's scratch memory, nothing else";
  EXPECT_EQ(machine_.log.pinned_bytes, 0U);
  for (const auto& [n_frames, padded] : {std::pair{1, 32},
                                         {31, 32},
                                         {32, 32},
                                         {33, 64},
                                         {64, 64},
                                         {65, 128},
                                         {127, 128},
                                         {128, 128},
                                         {129, 256},
                                         {255, 256},
                                         {256, 256}}) {
    EXPECT_EQ(made.padded_frames(n_frames), padded) << n_frames;
  }
}

TEST_F(FftPlansTest, RunsTheSmallestBatchThatHoldsTheFrames) {
  const FftPlans made = plans(256);
  std::vector<float> input(std::size_t{256} * kFft);
  std::vector<Complex> spectra(256 * kBins);
  for (const int n_frames : {1, 32, 33, 200, 256}) {
    const std::int64_t n_transforms = machine_.log.n_transforms, n_frames_before = machine_.log.n_transformed_frames;
    made.run_async(input.data(), spectra.data(), n_frames);
    wait();
    EXPECT_EQ(machine_.log.n_transforms - n_transforms, 1) << n_frames;
    EXPECT_EQ(machine_.log.n_transformed_frames - n_frames_before, made.padded_frames(n_frames)) << n_frames;
  }
}

/// Frames of noise, transformed by the plans and by the oracle.
void expect_spectra(const FftPlans& plans, int n_frames, const std::function<void()>& wait) {
  const auto n_padded = static_cast<std::size_t>(plans.padded_frames(n_frames));
  std::vector<float> input = test::made_up_audio(n_padded * kFft, 5);
  const std::vector<float> frames = input;  // transforms may overwrite them
  constexpr float kUnwritten = 1e30F;
  std::vector<Complex> spectra((n_padded + 1) * kBins, {kUnwritten, kUnwritten});
  plans.run_async(input.data(), spectra.data(), n_frames);
  wait();
  for (std::size_t frame = 0; frame < n_padded; ++frame) {
    std::vector<std::complex<double>> x(frames.begin() + static_cast<std::ptrdiff_t>(frame * kFft),
                                        frames.begin() + static_cast<std::ptrdiff_t>((frame + 1) * kFft));
    const auto expected = test::fourier(x);
    for (std::size_t k = 0; k < kBins; ++k) {
      const Complex actual = spectra[frame * kBins + k];
      ASSERT_NEAR(actual.re, expected[k].real(), 1e-4) << frame << ' ' << k;
      ASSERT_NEAR(actual.im, expected[k].imag(), 1e-4) << frame << ' ' << k;
    }
  }
  EXPECT_EQ(spectra[n_padded * kBins].re, kUnwritten) << "nothing behind the padded frames";
}

TEST_F(FftPlansTest, SpectraAreThoseOfTheDefinitionInEveryBatch) {
  const FftPlans made = plans(128);
  for (const int n_frames : {1, 40, 128}) expect_spectra(made, n_frames, [this] { wait(); });
}

TEST_F(FftPlansTest, WhereBitsDependOnTheBatchOneFixedPlanRunsAgainAndAgain) {
  machine_.faults.bits_depend_on_batch = true;
  const FftPlans made = plans(1024);
  EXPECT_TRUE(made.is_fixed());
  EXPECT_EQ(machine_.log.n_plans, 6 + 1);
  EXPECT_EQ(machine_.log.device_bytes, 64U * kFixedPlanFrames);
  for (const auto& [n_frames, padded] :
       {std::pair{1, 256}, {256, 256}, {257, 512}, {513, 768}, {768, 768}, {769, 1024}, {1024, 1024}}) {
    EXPECT_EQ(made.padded_frames(n_frames), padded) << n_frames;
    std::vector<float> input(static_cast<std::size_t>(padded) * kFft);
    std::vector<Complex> spectra(static_cast<std::size_t>(padded) * kBins);
    const std::int64_t n_transforms = machine_.log.n_transforms;
    made.run_async(input.data(), spectra.data(), n_frames);
    wait();
    EXPECT_EQ(machine_.log.n_transforms - n_transforms, padded / 256) << n_frames;
  }
  machine_.faults.bits_depend_on_batch = false;
  expect_spectra(made, 300, [this] { wait(); });
}

TEST_F(FftPlansTest, AFixedPlanIsNoLargerThanAUnit) {
  machine_.faults.bits_depend_on_batch = true;
  const FftPlans made = plans(64);
  EXPECT_TRUE(made.is_fixed());
  EXPECT_EQ(made.padded_frames(1), 64);
  EXPECT_EQ(made.padded_frames(64), 64);
}

TEST_F(FftPlansTest, WhereBitsDependOnNeighboursNoPlanWillDo) {
  machine_.faults.bits_depend_on_neighbours = true;
  try {
    const FftPlans made = plans(256);
    ADD_FAILURE() << "the probe found nothing";
  } catch (const UnusableDevice& unusable) {
    EXPECT_EQ(unusable.why(), PluginError::kProbeFailed);
    EXPECT_STREQ(
        unusable.what(),
        "transforms of 480 samples give a frame other bits beside other frames (place 0 of 256, beside noise)");
  }
  EXPECT_EQ(machine_.log.device_bytes, 0U);
}

TEST_F(FftPlansTest, ADeviceThatDoesNotAnswerTheProbeHasFailedAfterTenSeconds) {
  machine_.faults.hang_after_marks = 5;
  machine_.turn_clock_while_waiting(std::chrono::nanoseconds(std::chrono::milliseconds(100)).count());
  const std::int64_t begin_ns = machine_.clock.mono_ns();
  EXPECT_THROW(plans(64), core::EngineError);
  const double seconds = static_cast<double>(machine_.clock.mono_ns() - begin_ns) * 1e-9;
  EXPECT_GT(seconds, 10.0);
  EXPECT_LT(seconds, 12.0);
}

TEST_F(FftPlansTest, ALengthIsProbedOnce) {
  FftPlanStore store({*device_, queue_mutex_, machine_.clock}, Sizes(64));
  const auto first = store.find_or_make(400);
  const std::int64_t n_plans = machine_.log.n_plans, n_transforms = machine_.log.n_transforms;
  EXPECT_EQ(store.find_or_make(400), first);
  EXPECT_EQ(machine_.log.n_plans, n_plans);
  EXPECT_EQ(machine_.log.n_transforms, n_transforms);
  EXPECT_FALSE(store.any_fixed());
  machine_.faults.bits_depend_on_batch = true;
  static_cast<void>(store.find_or_make(512));
  EXPECT_TRUE(store.any_fixed());
}

}  // namespace
}  // namespace melstream::engine::cuda
