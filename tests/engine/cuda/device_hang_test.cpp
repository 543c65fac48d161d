// A device that answers late or never: lost after a quarter of a second of the engine's clock, and not before.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/cuda/emulated_cuda.hpp"

namespace melstream::test {
namespace {

using engine::Lane;
using engine::Prepared;
using engine::Smoothing;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::int64_t kMs = 1'000'000;

/// A tick on a device that answers late or never.
class CudaHang : public testing::Test {
 protected:
  Lane lane() const { return whole_lane(*prepared_, audio_); }

  EmulatedCuda machine_;
  std::unique_ptr<engine::cuda::CudaEngine> cuda_ = machine_.make();
  std::shared_ptr<const Prepared> prepared_ =
      cuda_->prepare(engine::FrontEndCatalog().find("whisper-80"), Smoothing::kNone);
  std::vector<float> audio_ = made_up_audio(4000, 2);
  std::vector<LaneRows> expected_ = run_tick(*cuda_, {lane()});
};

TEST_F(CudaHang, IsAnErrorAfterAQuarterOfASecondAndNotBefore) {
  OwnedTick tick({lane()});
  const engine::Ticket ticket = cuda_->submit(tick.tick());
  machine_.faults.hang_after_marks = 0;
  for (int ms = 0; ms < 250; ms += 10) {
    EXPECT_FALSE(cuda_->poll(ticket, nanoseconds(0))) << ms << " ms";
    machine_.clock.advance_ms(10);
  }
  EXPECT_FALSE(cuda_->poll(ticket, nanoseconds(0))) << "250 ms are not over it";
  machine_.clock.advance_ns(1);
  EXPECT_THROW(cuda_->poll(ticket, nanoseconds(0)), core::EngineError);
  EXPECT_THROW(cuda_->poll(ticket, nanoseconds(0)), core::EngineError) << "and from then on";
  machine_.faults.hang_after_marks = -1;
  EXPECT_THROW(cuda_->submit(tick.tick()), core::EngineError) << "though it works again";
}

TEST_F(CudaHang, IsFoundWithinOnePollHoweverLongItMayWait) {
  OwnedTick tick({lane()});
  const engine::Ticket ticket = cuda_->submit(tick.tick());
  machine_.faults.hang_after_marks = 0;
  machine_.turn_clock_while_waiting(kMs);
  const std::int64_t begin_ns = machine_.clock.mono_ns();
  EXPECT_THROW(cuda_->poll(ticket, std::chrono::hours(24)), core::EngineError);
  EXPECT_GT(machine_.clock.mono_ns() - begin_ns, 250 * kMs);
  EXPECT_LE(machine_.clock.mono_ns() - begin_ns, 252 * kMs);
}

TEST_F(CudaHang, IsFoundBySubmitWhenBothSlicesAreOnTheDevice) {
  OwnedTick first({lane()}), second({lane()}), third({lane()});
  static_cast<void>(cuda_->submit(first.tick()));
  machine_.clock.advance_ms(200);
  static_cast<void>(cuda_->submit(second.tick()));
  machine_.faults.hang_after_marks = 0;
  machine_.turn_clock_while_waiting(kMs);
  const std::int64_t begin_ns = machine_.clock.mono_ns();
  EXPECT_THROW(cuda_->submit(third.tick()), core::EngineError);
  EXPECT_GT(machine_.clock.mono_ns() - begin_ns, 50 * kMs);
  EXPECT_LE(machine_.clock.mono_ns() - begin_ns, 52 * kMs) << "counted from the first tick's start";
}

TEST_F(CudaHang, PollWaitsNoLongerThanItMay) {
  OwnedTick tick({lane()});
  const engine::Ticket ticket = cuda_->submit(tick.tick());
  machine_.faults.asks_until_reached = 1'000'000;
  machine_.turn_clock_while_waiting(kMs);
  for (const int wait_ms : {1, 7, 100}) {
    const std::int64_t begin_ns = machine_.clock.mono_ns();
    EXPECT_FALSE(cuda_->poll(ticket, milliseconds(wait_ms)));
    EXPECT_GE(machine_.clock.mono_ns() - begin_ns, wait_ms * kMs);
    EXPECT_LE(machine_.clock.mono_ns() - begin_ns, (wait_ms + 1) * kMs);
  }
  machine_.faults.asks_until_reached = 2;
  finish(*cuda_, ticket);
  EXPECT_EQ(tick.lane_rows(), expected_);
}

TEST_F(CudaHang, ASlowDeviceIsNotAHangingOne) {
  machine_.turn_clock_while_waiting(kMs);
  machine_.faults.asks_until_reached = 249;
  EXPECT_EQ(run_tick(*cuda_, {lane()}), expected_);
  // Nor one that is slow with every one of many slices.
  const std::vector<std::vector<float>> copies(30, audio_);
  std::vector<Lane> lanes;
  for (const std::vector<float>& copy : copies) lanes.push_back(whole_lane(*prepared_, copy));
  machine_.faults.asks_until_reached = 100;
  for (const LaneRows& rows : run_tick(*cuda_, lanes)) EXPECT_EQ(rows, expected_[0]);
}

TEST_F(CudaHang, AThreadThatIsKeptWaitingLosesNoDevice) {
  // Between the question and the look at the clock, the answer grows old: it must be asked again.
  OwnedTick tick({lane()});
  const engine::Ticket ticket = cuda_->submit(tick.tick());
  machine_.turn_clock_while_waiting(400 * kMs);
  EXPECT_TRUE(cuda_->poll(ticket, std::chrono::seconds(10)));
  EXPECT_EQ(tick.lane_rows(), expected_);
  // And before the first question.
  const engine::Ticket later = cuda_->submit(tick.tick());
  machine_.clock.advance_ms(300);
  machine_.faults.asks_until_reached = 1;
  EXPECT_TRUE(cuda_->poll(later, nanoseconds(0)));
}

TEST_F(CudaHang, ADeviceThatHangsIsLeftInTime) {
  OwnedTick tick({lane()});
  static_cast<void>(cuda_->submit(tick.tick()));
  const std::vector<LaneRows> unwritten = tick.lane_rows();
  machine_.faults.hang_after_marks = 0;
  machine_.turn_clock_while_waiting(kMs);
  prepared_.reset();
  cuda_.reset();
  EXPECT_EQ(machine_.log.device_bytes, 0U);
  EXPECT_EQ(tick.lane_rows(), unwritten);
}

TEST_F(CudaHang, DestructionWaitsForTheDeviceAndWritesNoRows) {
  OwnedTick first({lane()}), second({lane()});
  static_cast<void>(cuda_->submit(first.tick()));
  static_cast<void>(cuda_->submit(second.tick()));
  const std::vector<LaneRows> unwritten = first.lane_rows();
  const std::int64_t n_marks_reached = machine_.log.n_marks_reached;
  prepared_.reset();
  cuda_.reset();
  EXPECT_EQ(machine_.log.n_marks_reached - n_marks_reached, 2);
  EXPECT_EQ(first.lane_rows(), unwritten) << "whoever asks no more may have freed them";
  EXPECT_EQ(second.lane_rows(), unwritten);
}

TEST_F(CudaHang, InAProbeKeepsNoTickWaiting) {
  machine_.faults.hang_after_marks = machine_.log.n_marks_reached;
  std::atomic<bool> is_probing{false}, is_over{false};
  machine_.faults.on_wait = [&] { is_probing = true; };
  std::thread control([&] {
    EXPECT_THROW(cuda_->prepare(engine::FrontEndCatalog().find("kaldi-80"), Smoothing::kNone), core::EngineError);
    is_over = true;
  });
  while (!is_probing) std::this_thread::yield();
  OwnedTick tick({lane()});
  const engine::Ticket ticket = cuda_->submit(tick.tick());
  EXPECT_FALSE(cuda_->poll(ticket, nanoseconds(0)));
  machine_.clock.advance_ms(251);
  EXPECT_THROW(cuda_->poll(ticket, nanoseconds(0)), core::EngineError);
  EXPECT_FALSE(is_over) << "the probe waits for ten seconds";
  machine_.clock.advance_ms(10'000);
  control.join();
}

TEST(CudaHangAtStart, IsAnErrorAfterTenSeconds) {
  EmulatedCuda machine;
  machine.faults.hang_after_marks = 3;
  machine.turn_clock_while_waiting(100 * kMs);
  engine::cuda::Options options = EmulatedCuda::small_units();
  options.front_ends = {engine::FrontEndCatalog().find("whisper-80")};
  EXPECT_THROW(static_cast<void>(machine.make(options)), core::EngineError);
  EXPECT_EQ(machine.log.device_bytes, 0U);
}

}  // namespace
}  // namespace melstream::test
