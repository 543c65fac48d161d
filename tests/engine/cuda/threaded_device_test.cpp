// A device behind a thread of its own: the same rows, errors that arrive, and a driver that never returns.
#include "melstream/engine/cuda/threaded_device.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <utility>

#include <gtest/gtest.h>

#include "melstream/engine/cuda/cuda_engine.hpp"

#include "tests/engine/cuda/emulated_device.hpp"
#include "tests/engine/ticks.hpp"

namespace melstream::engine::cuda {
namespace {

/// A gate that calls can be made to wait at.
class Gate {
 public:
  void close() {
    const std::lock_guard lock(mutex_);
    is_open_ = false;
  }
  void open() {
    {
      const std::lock_guard lock(mutex_);
      is_open_ = true;
    }
    opened_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool is_open_ = true;
};

/// A queue whose gather call does not return while the gate is closed.
class StuckQueue final : public Queue {
 public:
  StuckQueue(Queue& inner, Gate& gate) : inner_(inner), gate_(gate) {}
  void upload_async(std::byte* to, const std::byte* from, std::size_t n_bytes) override {
    inner_.upload_async(to, from, n_bytes);
  }
  void download_async(std::byte* to, const std::byte* from, std::size_t n_bytes) override {
    inner_.download_async(to, from, n_bytes);
  }
  void gather_async(const GatherParams& params) override {
    gate_.pass();
    inner_.gather_async(params);
  }
  void rows_async(const RowsParams& params) override { inner_.rows_async(params); }
  void assemble_async(const AssembleParams& params) override { inner_.assemble_async(params); }
  void mark_async(int mark) override { inner_.mark_async(mark); }
  bool has_reached(int mark) override { return inner_.has_reached(mark); }
  double seconds_between(int first_mark, int last_mark) override {
    return inner_.seconds_between(first_mark, last_mark);
  }

 private:
  Queue& inner_;
  Gate& gate_;
};

class StuckDevice final : public Device {
 public:
  StuckDevice(std::unique_ptr<Device> inner, Gate& gate) : inner_(std::move(inner)), queue_(inner_->queue(), gate) {}
  const DeviceInfo& info() const noexcept override { return inner_->info(); }
  Memory allocate(std::size_t n_bytes) override { return inner_->allocate(n_bytes); }
  Memory allocate_pinned(std::size_t n_bytes) override { return inner_->allocate_pinned(n_bytes); }
  void upload(std::byte* to, std::span<const std::byte> from) override { inner_->upload(to, from); }
  const std::byte* pin(std::span<std::byte> memory) override { return inner_->pin(memory); }
  std::unique_ptr<FftPlan> plan_fft(int n_fft, int n_frames) override { return inner_->plan_fft(n_fft, n_frames); }
  Queue& queue() noexcept override { return queue_; }
  void stop() noexcept override { inner_->stop(); }

 private:
  const std::unique_ptr<Device> inner_;
  StuckQueue queue_;
};

/// Stands still, until every look at it is a millisecond later.
class HastyClock final : public core::Clock {
 public:
  void hurry() noexcept { step_ns_ = 1'000'000; }
  std::int64_t mono_ns() const noexcept override { return now_ns_.fetch_add(step_ns_.load()); }
  std::int64_t wall_ns() const noexcept override { return now_ns_.load(); }

 private:
  mutable std::atomic<std::int64_t> now_ns_{1'000'000'000};
  std::atomic<std::int64_t> step_ns_{0};
};

class ThreadedDeviceTest : public ::testing::Test {
 protected:
  static Options small_units() {
    Options options;
    options.unit_frames = 64;
    return options;
  }

  FrontEndCatalog catalog_;
  std::vector<float> audio_ = test::made_up_audio(48000, 1);
  test::Faults faults_;
  test::DeviceLog log_;
};

TEST_F(ThreadedDeviceTest, GivesTheSameRows) {
  test::DeviceLog other_log;
  const auto plain = make_engine(test::make_emulated_device(faults_, other_log), small_units());
  const auto threaded = make_engine(make_threaded(test::make_emulated_device(faults_, log_), false), small_units());
  for (const char* name : {"whisper-80", "kaldi-80", "paraformer-560", "mfcc-13"}) {
    const auto expected = plain->prepare(catalog_.find(name), Smoothing::kNone);
    const auto prepared = threaded->prepare(catalog_.find(name), Smoothing::kNone);
    for (int tick = 0; tick < 3; ++tick) {
      EXPECT_EQ(test::run_tick(*threaded, {test::whole_lane(*prepared, audio_)}),
                test::run_tick(*plain, {test::whole_lane(*expected, audio_)}))
          << name;
    }
  }
}

TEST_F(ThreadedDeviceTest, TellsWhatTheDeviceThrew) {
  const auto engine = make_engine(make_threaded(test::make_emulated_device(faults_, log_), true), small_units());
  const auto prepared = engine->prepare(catalog_.find("whisper-80"), Smoothing::kNone);
  faults_.fail_after_operations = log_.n_operations;
  try {
    test::run_tick(*engine, {test::whole_lane(*prepared, audio_)});
    FAIL() << "the device works";
  } catch (const core::EngineError& error) {
    EXPECT_NE(std::string(error.what()).find("as the test wished"), std::string::npos) << error.what();
  }
}

TEST_F(ThreadedDeviceTest, ADriverThatDoesNotReturnIsGivenUpOn) {
  Gate gate;
  HastyClock clock;
  Options options = small_units();
  options.clock = &clock;
  const auto engine = make_engine(
      make_threaded(std::make_unique<StuckDevice>(test::make_emulated_device(faults_, log_), gate), false), options);
  const auto prepared = engine->prepare(catalog_.find("whisper-80"), Smoothing::kNone);
  const Lane lane = test::lane_of(*prepared, audio_, 10, 1);
  std::vector<float> rows(80, -1.0F), maxima(1, -1.0F);
  gate.close();
  clock.hurry();
  const Ticket ticket = engine->submit({std::span(&lane, 1), rows, maxima});
  EXPECT_FALSE(engine->poll(ticket, std::chrono::milliseconds(100)));
  EXPECT_THROW(engine->poll(ticket, std::chrono::milliseconds(400)), core::EngineError);
  EXPECT_THROW(engine->submit({std::span(&lane, 1), rows, maxima}), core::EngineError);
  // The driver comes back too late: nothing is written any more.
  gate.open();
  EXPECT_THROW(engine->poll(ticket, std::chrono::milliseconds(400)), core::EngineError);
  EXPECT_EQ(rows, std::vector<float>(80, -1.0F));
}

}  // namespace
}  // namespace melstream::engine::cuda
