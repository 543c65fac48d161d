// The callback and its ring: what goes in comes out, in order, with what was lost; and it neither allocates nor locks.
#include <cstdlib>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <portaudio.h>

#include "melstream/audio/mic/portaudio_backend.hpp"
#include "melstream/core/capture_ring.hpp"

#include "tests/audio/mic/lock_count.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/realtime_scope.hpp"

namespace melstream::audio {
namespace {

struct Ringed {
  explicit Ringed(int n_channels) : ring(arena.take(), n_channels) {}
  core::HostArena arena{{.max_bytes = 1, .lock = false}};
  core::CaptureRing ring;
};

TEST(CaptureRing, GivesBackWhatWasWrittenOverManyWraps) {
  Ringed made(3);  // 16,384 is no multiple of 3
  float next_in = 0;
  float next_out = 0;
  for (int round = 0; round < 400; ++round) {
    std::vector<float> in(3 * (1 + round % 700));
    for (float& one : in) one = next_in++;
    made.ring.write(in.data(), in.size() / 3, 10 + round, round);
    const core::CaptureBlock* const block = made.ring.block();
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(block->n_samples, static_cast<std::int64_t>(in.size() / 3));
    EXPECT_EQ(block->called_mono_ns, 10 + round);
    EXPECT_EQ(block->capture_mono_ns, round);
    for (const auto part : made.ring.samples()) {
      EXPECT_EQ(part.size() % 3, 0u);
      for (const float one : part) ASSERT_EQ(one, next_out++);
    }
    made.ring.pop();
  }
  EXPECT_EQ(made.ring.block(), nullptr);
}

TEST(CaptureRing, DropsTheNewestAndSaysWhere) {
  Ringed made(1);
  const std::vector<float> samples(10'000, 0.5F);
  made.ring.write(samples.data(), 10'000, 1, 1);
  made.ring.write(samples.data(), 10'000, 2, 2);
  made.ring.write(nullptr, 7, 3, 3);
  EXPECT_EQ(made.ring.counts().n_overflowed, 10'007);
  made.ring.pop();
  made.ring.write(samples.data(), 5, 4, 4);
  ASSERT_NE(made.ring.block(), nullptr);
  EXPECT_EQ(made.ring.block()->n_lost_before, 10'007);
  EXPECT_EQ(made.ring.block()->n_samples, 5);
  EXPECT_EQ(made.ring.counts().n_samples, 20'012);
  EXPECT_EQ(made.ring.counts().n_callbacks, 4);
}

TEST(CaptureRing, DropsWhenTooManyBlocksWait) {
  Ringed made(1);
  const float sample = 1;
  for (int i = 0; i < 1100; ++i) made.ring.write(&sample, 1, i, i);
  EXPECT_EQ(made.ring.counts().n_overflowed, 1100 - 1024);
}

TEST(CaptureRing, WipesWhatWasReadAndTakesNothingOnceShut) {
  Ringed made(1);
  const std::vector<float> samples(100, 0.5F);
  made.ring.write(samples.data(), 100, 1, 1);
  const std::span<const float> part = made.ring.samples()[0];
  made.ring.pop();
  for (const float one : part) EXPECT_EQ(one, 0);
  made.ring.shut();
  made.ring.write(samples.data(), 100, 2, 2);
  EXPECT_EQ(made.ring.block(), nullptr);
}

TEST(CaptureRing, TwoThreadsSeeEverySampleOnce) {
  Ringed made(1);
  constexpr std::int64_t kTotal = 400'000;
  std::thread callback([&] {
    for (std::int64_t at = 0; at < kTotal; at += 160) {
      std::vector<float> block(160);
      for (std::size_t i = 0; i < 160; ++i) block[i] = static_cast<float>(at + static_cast<std::int64_t>(i));
      made.ring.write(block.data(), 160, at, at);
    }
    made.ring.finish();
  });
  std::int64_t at = 0;
  for (;;) {
    const bool finished = made.ring.finished();
    const core::CaptureBlock* const block = made.ring.block();
    if (block == nullptr) {
      if (finished) break;
      std::this_thread::yield();
      continue;
    }
    at += block->n_lost_before;
    for (const auto part : made.ring.samples()) {
      for (const float one : part) ASSERT_EQ(one, static_cast<float>(at++));
    }
    made.ring.pop();
  }
  callback.join();
  EXPECT_LE(at, kTotal);
  EXPECT_EQ(made.ring.counts().n_samples, kTotal);
}

class CallbackTest : public testing::Test {
 protected:
  void call(std::size_t n, double current_s, double adc_s) {
    const PaStreamCallbackTimeInfo time{
        .inputBufferAdcTime = adc_s, .currentTime = current_s, .outputBufferDacTime = 0};
    EXPECT_EQ(on_captured(samples.data(), nullptr, n, &time, 0, &target), paContinue);
  }
  std::int64_t age_ns() const { return made.ring.block()->called_mono_ns - made.ring.block()->capture_mono_ns; }

 public:
  test::ManualClock clock;
  Ringed made{1};
  std::vector<float> samples = std::vector<float>(160, 0.25F);
  CaptureTarget target{.ring = made.ring, .clock = clock, .opened_mono_ns = 1, .sample_rate_hz = 16000};
};

TEST_F(CallbackTest, NeitherAllocatesNorLocks) {
  call(160, 1, 1);  // thread_local and the like are made
  std::int64_t n_new = 0;
  const std::int64_t locks = test::n_locks();
  const std::int64_t mallocs = test::n_mallocs();
  {
    const test::RealtimeScope scope;
    const PaStreamCallbackTimeInfo time{.inputBufferAdcTime = 1, .currentTime = 2, .outputBufferDacTime = 0};
    // With room, and 200 times without.
    for (int i = 0; i < 300; ++i) on_captured(samples.data(), nullptr, 160, &time, paInputOverflow, &target);
    on_captured(nullptr, nullptr, 160, nullptr, 0, &target);
    n_new = scope.allocations();
  }
  EXPECT_EQ(n_new, 0);
  EXPECT_EQ(test::n_locks() - locks, 0);
  EXPECT_EQ(test::n_mallocs() - mallocs, 0);
  EXPECT_GT(made.ring.counts().n_overflowed, 100 * 160);
}

TEST_F(CallbackTest, TheProofSeesLocksAndMemory) {
  if (!test::counts_calls()) GTEST_SKIP() << "sanitizers have mutexes and malloc of their own";
  const std::int64_t locks = test::n_locks();
  const std::int64_t mallocs = test::n_mallocs();
  std::mutex mutex;
  mutex.lock();
  mutex.unlock();
  void* volatile memory = std::malloc(1);
  std::free(memory);
  EXPECT_EQ(test::n_locks() - locks, 1);
  EXPECT_EQ(test::n_mallocs() - mallocs, 1);
}

TEST_F(CallbackTest, TakesTheAgeOfSamplesFromPortAudioWithinReason) {
  struct Case {
    double current_s, adc_s;
    std::int64_t age_ns;
  };
  const std::vector<Case> cases = {
      {100.0, 99.95, 50'000'000},
      {100.0, 99.9995, 10'000'000},   // the block itself is 10 ms long
      {100.0, 100.02, 10'000'000},    // negative: seen through PulseAudio
      {1.7e9, 100.0, 1'000'000'000},  // two clocks
      {std::numeric_limits<double>::quiet_NaN(), 1.0, 10'000'000},
  };
  clock.advance_ms(10'000);
  for (const Case& one : cases) {
    call(160, one.current_s, one.adc_s);
    EXPECT_NEAR(static_cast<double>(age_ns()), static_cast<double>(one.age_ns), 1000)
        << one.current_s << " " << one.adc_s;
    made.ring.pop();
  }
}

TEST_F(CallbackTest, NothingWasCapturedBeforeTheDeviceWasOpened) {
  target.opened_mono_ns = clock.mono_ns() - 1'000'000;
  call(160, 1, 0.5);
  EXPECT_EQ(age_ns(), 1'000'000);
}

}  // namespace
}  // namespace melstream::audio
