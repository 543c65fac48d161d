// What the CUDA engine allocates, when, and that all of it is given back.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/cuda/emulated_cuda.hpp"
#include "tests/engine/custom_specs.hpp"
#include "tests/support/realtime_scope.hpp"

namespace melstream::test {
namespace {

using engine::Lane;
using engine::Prepared;
using engine::Smoothing;

/// Every front end, each row by itself and rows together, samples in registered memory and not.
class FullTick {
 public:
  explicit FullTick(engine::Engine& engine) : audio_(speech_in_noise(16'000)), registered_(audio_) {
    engine.register_host(std::as_writable_bytes(std::span(registered_)));
    for (const Case& c : all_cases()) {
      prepared_.push_back(engine.prepare(c.front_end, c.smoothing));
      for (const std::vector<float>* audio : {&audio_, &registered_}) {
        for (std::int64_t row = 0; row < 12; ++row) lanes_.push_back(lane_of(*prepared_.back(), *audio, row, 1, 0.7));
        lanes_.push_back(whole_lane(*prepared_.back(), *audio));
      }
    }
    // Four that share spectra, one frame each: as many rows and places of rows as a frame can ask for.
    const engine::FrontEndCatalog catalog;
    for (const char* name : {"whisper-80", "whisper-128"}) {
      prepared_.push_back(engine.prepare(catalog.find(name), Smoothing::kNone));
    }
    for (std::int64_t row = 0; row < 99; ++row) {
      for (std::size_t j = 0; j < 4; ++j)
        lanes_.push_back(lane_of(*prepared_[prepared_.size() - 2 + j % 2], audio_, row, 1));
    }
  }
  const std::vector<Lane>& lanes() const { return lanes_; }

 private:
  std::vector<float> audio_;
  std::vector<float> registered_;
  std::vector<std::shared_ptr<const Prepared>> prepared_;
  std::vector<Lane> lanes_;
};

TEST(CudaMemory, TicksAllocateNothingFromTheFirstOnAndMakeNoPlan) {
  for (const bool measure : {false, true}) {
    EmulatedCuda machine;
    engine::cuda::Options options = EmulatedCuda::small_units();
    options.measure = measure;
    const auto cuda = machine.make(options);
    const FullTick full(*cuda);
    OwnedTick first(full.lanes()), second(full.lanes());
    const std::int64_t n_allocations = machine.log.n_allocations, n_plans = machine.log.n_plans;
    std::int64_t n_of_heap = 0;
    {
      const RealtimeScope scope;
      const engine::Ticket first_ticket = cuda->submit(first.tick());
      const engine::Ticket second_ticket = cuda->submit(second.tick());
      finish(*cuda, second_ticket);
      finish(*cuda, first_ticket);
      n_of_heap = scope.allocations();
    }
    EXPECT_EQ(n_of_heap, 0);
    EXPECT_EQ(machine.log.n_allocations, n_allocations);
    EXPECT_EQ(machine.log.n_plans, n_plans);
    EXPECT_GT(cuda->counters().n_slices, 10U);
    EXPECT_EQ(first.lane_rows(), second.lane_rows());
  }
}

TEST(CudaMemory, FrontEndsOfTheStartArePlannedAtTheStart) {
  EmulatedCuda machine;
  engine::cuda::Options options = EmulatedCuda::small_units();
  const engine::FrontEndCatalog catalog;
  options.front_ends = {catalog.find("whisper-80"), catalog.find("kaldi-80")};
  const auto cuda = machine.make(options);
  const std::int64_t n_plans = machine.log.n_plans;
  EXPECT_EQ(n_plans, 4) << "400 and 512, each in batches of 32 and 64";
  for (const char* name : {"whisper-128", "nemo-80", "librosa-80", "mfcc-13"}) {
    static_cast<void>(cuda->prepare(catalog.find(name), Smoothing::kNone));
  }
  EXPECT_EQ(machine.log.n_plans, n_plans);
}

TEST(CudaMemory, AllIsGivenBackAtTheEnd) {
  EmulatedCuda machine;
  {
    const auto cuda = machine.make();
    const FullTick full(*cuda);
    static_cast<void>(run_tick(*cuda, full.lanes()));
    EXPECT_GT(machine.log.device_bytes, 0U);
    EXPECT_GT(machine.log.pinned_bytes, 0U);
  }
  EXPECT_EQ(machine.log.device_bytes, 0U);
  EXPECT_EQ(machine.log.pinned_bytes, 0U);
}

TEST(CudaMemory, TablesAreUsedAgainWhenFrontEndsComeAndGo) {
  EmulatedCuda machine;
  const auto cuda = machine.make();
  const engine::FrontEndCatalog catalog;
  const std::vector<const char*> names = {"whisper-80", "whisper-128", "kaldi-80", "nemo-80"};
  const std::vector<float> audio = made_up_audio(3000, 7);
  std::vector<std::vector<LaneRows>> expected;
  const auto run = [&](std::size_t i) {
    const auto prepared = cuda->prepare(catalog.find(names[i]), Smoothing::kNone);
    return run_tick(*cuda, {whole_lane(*prepared, audio)});
  };
  for (std::size_t i = 0; i < names.size(); ++i) expected.push_back(run(i));
  const std::int64_t n_allocations = machine.log.n_allocations, n_plans = machine.log.n_plans;
  const std::size_t device_bytes = machine.log.device_bytes;
  for (std::size_t i = 0; i < 1000; ++i) ASSERT_EQ(run(i % names.size()), expected[i % names.size()]) << i;
  EXPECT_EQ(machine.log.n_allocations, n_allocations);
  EXPECT_EQ(machine.log.n_plans, n_plans);
  EXPECT_EQ(machine.log.device_bytes, device_bytes);
}

TEST(CudaMemory, AFrontEndInUseIsMadeOnce) {
  EmulatedCuda machine;
  const auto cuda = machine.make();
  const engine::FrontEndCatalog catalog;
  const auto prepared = cuda->prepare(catalog.find("whisper-80"), Smoothing::kNone);
  const std::int64_t n_allocations = machine.log.n_allocations;
  EXPECT_EQ(cuda->prepare(catalog.find("whisper-80"), Smoothing::kNone), prepared);
  EXPECT_EQ(machine.log.n_allocations, n_allocations);
}

TEST(CudaMemory, NewTransformsArePreparedWhileTicksRun) {
  EmulatedCuda machine;
  const auto cuda = machine.make();
  const engine::FrontEndCatalog catalog;
  const std::vector<float> audio = made_up_audio(4000, 8);
  const auto prepared = cuda->prepare(catalog.find("whisper-80"), Smoothing::kBox3x3);
  const std::vector<LaneRows> expected = run_tick(*cuda, {whole_lane(*prepared, audio)});
  std::atomic<bool> is_over{false};
  std::thread control([&] {
    const std::vector<int> lengths = {400, 432, 450, 480, 500, 512, 540, 576, 600, 640};
    std::vector<std::vector<float>> slabs(30, std::vector<float>(64));
    for (int i = 0; i < 30; ++i) {
      engine::FrontEndSpec spec = catalog.find("kaldi-80")->spec();
      spec.name = "length-" + std::to_string(i % 10);
      spec.transform.n_fft = lengths[static_cast<std::size_t>(i) % lengths.size()];
      const auto made = cuda->prepare(std::make_shared<const engine::FrontEnd>(spec), Smoothing::kNone);
      EXPECT_EQ(made->front_end().name(), spec.name);
      cuda->register_host(std::as_writable_bytes(std::span(slabs[static_cast<std::size_t>(i)])));
    }
    is_over = true;
  });
  do {
    EXPECT_EQ(run_tick(*cuda, {whole_lane(*prepared, audio)}), expected);
  } while (!is_over);
  control.join();
}

}  // namespace
}  // namespace melstream::test
