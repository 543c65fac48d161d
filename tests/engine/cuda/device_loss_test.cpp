// A device that is lost with ticks under way: the CPU engine computes them again, and no row is lost or mixed.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/engine/cpu/cpu_engine.hpp"
#include "melstream/engine/failover_engine.hpp"

#include "tests/engine/cuda/emulated_cuda.hpp"
#include "tests/engine/custom_specs.hpp"
#include "tests/support/oracle.hpp"

namespace melstream::test {
namespace {

using engine::FailoverEngine;
using engine::Lane;
using engine::Prepared;
using engine::Smoothing;

constexpr std::size_t kTicks = 5;

struct Kind {
  const char* name;
  Smoothing smoothing;
};
constexpr std::array<Kind, 3> kFrontEnds{
    {{"whisper-80", Smoothing::kBox3x3}, {"kaldi-80", Smoothing::kNone}, {"paraformer-560", Smoothing::kNone}}};

/// Ticks of a clip that arrives bit by bit, on any engine.
class Stream {
 public:
  explicit Stream(engine::Engine& engine) : engine_(engine) {
    const engine::FrontEndCatalog catalog;
    for (const Kind& kind : kFrontEnds) prepared_.push_back(engine.prepare(catalog.find(kind.name), kind.smoothing));
    for (std::int64_t tick = 0; tick < static_cast<std::int64_t>(kTicks); ++tick) {
      std::vector<Lane> lanes;
      // About ten frames a tick of each; every sixth frame is a row of the last one.
      for (std::size_t i = 0; i < 2; ++i) lanes.push_back(lane_of(*prepared_[i], audio_, tick * 12, 12, 0.5, true));
      lanes.push_back(lane_of(*prepared_[2], audio_, tick * 2, 2, 0.5, true));
      ticks_.emplace_back(lanes);
    }
  }

  void submit(std::size_t tick) { tickets_.push_back(engine_.submit(ticks_[tick].tick())); }
  void finish(std::size_t tick) { test::finish(engine_, tickets_[tick]); }
  std::vector<LaneRows> rows(std::size_t tick) const { return ticks_[tick].lane_rows(); }

  /// All ticks, `n_ahead` submitted before the first is asked for.
  void run(std::size_t n_ahead) {
    for (std::size_t tick = 0; tick < kTicks + n_ahead; ++tick) {
      if (tick < kTicks) submit(tick);
      if (tick >= n_ahead) finish(tick - n_ahead);
    }
  }

 private:
  engine::Engine& engine_;
  std::vector<float> audio_ = speech_in_noise(16'000);
  std::vector<std::shared_ptr<const Prepared>> prepared_;
  std::vector<OwnedTick> ticks_;
  std::vector<engine::Ticket> tickets_;
};

std::vector<std::vector<LaneRows>> rows_of(engine::Engine& engine) {
  Stream stream(engine);
  stream.run(1);
  std::vector<std::vector<LaneRows>> rows;
  for (std::size_t tick = 0; tick < kTicks; ++tick) rows.push_back(stream.rows(tick));
  return rows;
}

/// What happens to the device, and when. The engine that is lost lives for ever, and so does its machine.
class LossTest : public testing::Test {
 protected:
  LossTest() {
    EmulatedCuda sound;
    of_cuda_ = rows_of(*sound.make());
    of_cpu_ = rows_of(*engine::cpu::make_engine({}).engine);
  }

  /// @param fault is called when the device has done n_before marks. @param n_ahead of Stream::run().
  void expect_no_row_lost(std::int64_t n_before, std::size_t n_ahead, bool hangs) {
    static std::vector<std::unique_ptr<EmulatedCuda>> machines;
    machines.push_back(std::make_unique<EmulatedCuda>());
    EmulatedCuda& machine = *machines.back();
    int n_losses = 0;
    FailoverEngine engine(machine.instance(), engine::cpu::make_engine({}), engine::Limits{},
                          [&](const std::string&) { ++n_losses; });
    Stream stream(engine);
    machine.turn_clock_while_waiting(1'000'000);
    if (hangs) {
      machine.faults.hang_after_marks = machine.log.n_marks_reached + n_before;
    } else {
      machine.faults.fail_after_operations = machine.log.n_operations + n_before;
    }
    stream.run(n_ahead);
    EXPECT_EQ(n_losses, 1);
    EXPECT_TRUE(engine.loss().has_value());
    EXPECT_EQ(engine.info().backend, "cpu");
    bool is_lost = false;
    for (std::size_t tick = 0; tick < kTicks; ++tick) {
      // Never rows of both in one tick, and never CUDA's again after the loss.
      is_lost = is_lost || stream.rows(tick) != of_cuda_[tick];
      EXPECT_EQ(stream.rows(tick), is_lost ? of_cpu_[tick] : of_cuda_[tick]) << "tick " << tick;
      if (hangs && n_ahead == 0) {
        EXPECT_EQ(is_lost, static_cast<std::int64_t>(tick) >= n_before) << "tick " << tick;
      }
    }
    EXPECT_TRUE(is_lost);
  }

  std::vector<std::vector<LaneRows>> of_cuda_;
  std::vector<std::vector<LaneRows>> of_cpu_;
};

TEST_F(LossTest, RowsOfBothEnginesAreEqualWithinTolerance) {
  const engine::FrontEndCatalog catalog;
  for (std::size_t tick = 0; tick < kTicks; ++tick) {
    for (std::size_t i = 0; i < kFrontEnds.size(); ++i) {
      const auto& front_end = *catalog.find(kFrontEnds[i].name);
      const auto n_bins = static_cast<std::size_t>(front_end.n_bins(kFrontEnds[i].smoothing));
      const std::vector<float>& cpu = of_cpu_[tick][i].rows;
      const std::vector<float>& cuda = of_cuda_[tick][i].rows;
      EXPECT_NE(cpu, cuda) << "so the tests below see whose rows they are";
      EXPECT_EQ(compare({cpu.size() / n_bins, n_bins, cpu}, {cuda.size() / n_bins, n_bins, cuda},
                        float_tolerance(front_end.spec()))
                    .reason,
                "")
          << kFrontEnds[i].name << " in tick " << tick;
    }
  }
}

TEST_F(LossTest, AHangAtEveryTickLosesNoRow) {
  for (const std::size_t n_ahead : {std::size_t{0}, std::size_t{1}}) {
    for (std::int64_t tick = 0; tick < static_cast<std::int64_t>(kTicks); ++tick) {
      SCOPED_TRACE(std::to_string(n_ahead) + " ahead, hangs in tick " + std::to_string(tick));
      expect_no_row_lost(tick, n_ahead, true);
    }
  }
}

TEST_F(LossTest, AFailureInEveryPartOfATickLosesNoRow) {
  // A tick is an upload, a gather, an FFT and the rest of each unit, a download, a mark and two questions.
  for (const std::size_t n_ahead : {std::size_t{0}, std::size_t{1}}) {
    for (const std::int64_t n_operations : {0, 1, 2, 7, 13, 14, 15, 16, 20, 31, 33, 47, 60}) {
      SCOPED_TRACE(std::to_string(n_ahead) + " ahead, fails after " + std::to_string(n_operations) + " operations");
      expect_no_row_lost(n_operations, n_ahead, false);
    }
  }
}

TEST_F(LossTest, ThreeTicksUnderWayAreComputedAgain) {
  expect_no_row_lost(1, 2, true);
  expect_no_row_lost(20, 3, false);
}

}  // namespace
}  // namespace melstream::test
