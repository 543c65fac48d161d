// What the CUDA engine says of the device's time. On the emulated device a mark is a microsecond after the one before.
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/cuda/emulated_cuda.hpp"
#include "tests/engine/custom_specs.hpp"

namespace melstream::test {
namespace {

using engine::Lane;
using engine::cuda::Counters;

constexpr double kMark = 1e-6;
constexpr double kRounding = 1e-12;

/// Streams that share no frame, one row each.
std::vector<Lane> streams(const engine::Prepared& prepared, const std::vector<float>& audio, std::int64_t n_streams) {
  std::vector<Lane> lanes;
  for (std::int64_t i = 0; i < n_streams; ++i) lanes.push_back(lane_of(prepared, audio, i % 90, 1));
  return lanes;
}

engine::cuda::Options measuring() {
  engine::cuda::Options options = EmulatedCuda::small_units();
  options.measure = true;
  return options;
}

double sum_of_stages(const Counters& counters) {
  return std::accumulate(counters.stage_seconds.begin(), counters.stage_seconds.end(), 0.0);
}

class DeviceTime : public testing::Test {
 protected:
  const std::vector<float> audio_ = speech_in_noise(16'000);
  EmulatedCuda machine_;
};

TEST_F(DeviceTime, SpanOfOneSliceIsItsStagesAndTheMarkBeforeThem) {
  const auto cuda = machine_.make(measuring());
  const auto prepared = cuda->prepare(engine::FrontEndCatalog().find("whisper-80"), engine::Smoothing::kNone);
  OwnedTick tick(streams(*prepared, audio_, 3));
  finish(*cuda, cuda->submit(tick.tick()));
  EXPECT_EQ(cuda->counters().n_slices, 1U);
  EXPECT_NEAR(cuda->counters().device_span_seconds, sum_of_stages(cuda->counters()) + kMark, kRounding);
}

TEST_F(DeviceTime, SpanOfManySlicesGoesFromTheFirstUploadToTheLastDownload) {
  const auto cuda = machine_.make(measuring());
  const auto prepared = cuda->prepare(engine::FrontEndCatalog().find("whisper-80"), engine::Smoothing::kNone);
  // More slices than there are at once, so that their marks are used again; two ticks under way, and one that is empty.
  OwnedTick first(streams(*prepared, audio_, 3'000)), empty({}), second(streams(*prepared, audio_, 3'000));
  cuda->submit(first.tick());
  cuda->submit(empty.tick());
  const engine::Ticket last = cuda->submit(second.tick());
  finish(*cuda, last);
  const Counters& counters = cuda->counters();
  EXPECT_GT(counters.n_slices, 6U);
  // Every slice has a mark before its upload, so between slices there is one microsecond that is in no stage.
  const double between = static_cast<double>(counters.n_slices) * kMark;
  EXPECT_NEAR(counters.device_span_seconds, sum_of_stages(counters) + between, kRounding);
}

TEST_F(DeviceTime, NothingIsMeasuredUnlessAsked) {
  const auto cuda = machine_.make();
  const auto prepared = cuda->prepare(engine::FrontEndCatalog().find("whisper-80"), engine::Smoothing::kNone);
  OwnedTick tick(streams(*prepared, audio_, 3));
  finish(*cuda, cuda->submit(tick.tick()));
  EXPECT_EQ(cuda->counters().device_span_seconds, 0.0);
  EXPECT_EQ(sum_of_stages(cuda->counters()), 0.0);
}

}  // namespace
}  // namespace melstream::test
