// The sample ring: order and content over many wraps, on one thread and on two.
#include "melstream/core/sample_ring.hpp"

#include <numeric>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

#include "tests/support/realtime_scope.hpp"

namespace melstream::core {
namespace {

/// The value that sample `index` of a test signal has: exact in float32, and different from its neighbours.
float value_at(SampleIndex index) { return static_cast<float>(index % (1 << 20)); }

std::vector<float> samples_from(SampleIndex begin, std::size_t n) {
  std::vector<float> samples(n);
  for (std::size_t i = 0; i < n; ++i) samples[i] = value_at(begin + static_cast<SampleIndex>(i));
  return samples;
}

std::vector<float> copy_of(const SampleRing& ring, SampleIndex begin, std::size_t n) {
  std::vector<float> samples;
  for (const auto part : ring.view(begin, n)) samples.insert(samples.end(), part.begin(), part.end());
  return samples;
}

class SampleRingTest : public ::testing::Test {
 protected:
  HostArena arena_{{.max_bytes = 1, .lock = false}};
};

TEST_F(SampleRingTest, HoldsItsWholeCapacity) {
  SampleRing ring(arena_.take());
  ASSERT_EQ(ring.capacity(), kBlockSamples);
  EXPECT_EQ(ring.room(), kBlockSamples);
  const auto samples = samples_from(0, kBlockSamples);
  EXPECT_EQ(ring.write(samples), kBlockSamples);
  EXPECT_EQ(ring.room(), 0u);
  EXPECT_EQ(ring.written(), static_cast<SampleIndex>(kBlockSamples));
  EXPECT_EQ(copy_of(ring, 0, kBlockSamples), samples);
}

TEST_F(SampleRingTest, TakesOnlyTheFirstSamplesThatFit) {
  SampleRing ring(arena_.take());
  ring.write(samples_from(0, kBlockSamples - 10));
  EXPECT_EQ(ring.write(samples_from(kBlockSamples - 10, 25)), 10u);
  EXPECT_EQ(ring.write(samples_from(0, 1)), 0u);
  EXPECT_EQ(copy_of(ring, 0, kBlockSamples), samples_from(0, kBlockSamples));
}

TEST_F(SampleRingTest, ShowsAWrapAsTwoSpans) {
  SampleRing ring(arena_.take());
  ring.write(samples_from(0, kBlockSamples));
  ring.release(100);
  ring.write(samples_from(kBlockSamples, 100));
  const auto parts = ring.view(kBlockSamples - 5, 12);
  EXPECT_EQ(parts[0].size(), 5u);
  EXPECT_EQ(parts[1].size(), 7u);
  EXPECT_EQ(copy_of(ring, kBlockSamples - 5, 12), samples_from(kBlockSamples - 5, 12));
  EXPECT_TRUE(ring.view(200, 50)[1].empty());
}

TEST_F(SampleRingTest, KeepsOverlapAfterPartialConsume) {
  SampleRing ring(arena_.take());
  SampleIndex written = 0;
  // 300 is no divisor of the capacity: the wrap meets every phase. 240 samples stay for the next window.
  for (int i = 0; i < 1000; ++i) {
    const auto samples = samples_from(written, 300);
    ASSERT_EQ(ring.write(samples), 300u);
    written += 300;
    const SampleIndex begin = ring.released();
    ASSERT_EQ(copy_of(ring, begin, static_cast<std::size_t>(written - begin)),
              samples_from(begin, static_cast<std::size_t>(written - begin)));
    ring.release(written - 240);
  }
}

TEST_F(SampleRingTest, ReleaseNeverMovesBackwards) {
  SampleRing ring(arena_.take());
  ring.write(samples_from(0, 1000));
  ring.release(800);
  ring.release(300);
  EXPECT_EQ(ring.released(), 800);
  EXPECT_EQ(ring.room(), kBlockSamples - 200);
}

TEST_F(SampleRingTest, RefusesACapacityThatIsNoPowerOfTwo) {
  EXPECT_THROW(SampleRing(arena_.take(3)), Error);
  EXPECT_THROW(SampleRing{AudioMemory{}}, Error);
  EXPECT_EQ(arena_.usage().used_bytes, 0u);
}

TEST_F(SampleRingTest, AllocatesNothingInUse) {
  SampleRing ring(arena_.take());
  const auto samples = samples_from(0, 480);
  float sum = 0;
  const test::RealtimeScope scope;
  for (int i = 0; i < 200; ++i) {
    ring.write(samples);
    for (const auto part : ring.view(ring.released(), 480)) sum = std::accumulate(part.begin(), part.end(), sum);
    ring.release(ring.written());
  }
  const auto allocations = scope.allocations();
  EXPECT_EQ(allocations, 0);
  EXPECT_GT(sum, 0);
}

TEST_F(SampleRingTest, CarriesEverySampleBetweenTwoThreads) {
  constexpr SampleIndex kSamples = 400'000;
  SampleRing ring(arena_.take());
  std::jthread producer([&ring] {
    SampleIndex at = 0;
    std::size_t n = 1;
    while (at < kSamples) {
      n = (n * 7 + 3) % 1999 + 1;
      const auto samples = samples_from(at, std::min(n, static_cast<std::size_t>(kSamples - at)));
      std::size_t done = 0;
      while (done < samples.size()) {
        const std::size_t taken = ring.write(std::span(samples).subspan(done));
        if (taken == 0) std::this_thread::yield();
        done += taken;
      }
      at += static_cast<SampleIndex>(samples.size());
    }
  });
  SampleIndex at = 0;
  std::int64_t wrong = 0;
  while (at < kSamples) {
    const SampleIndex written = ring.written();
    if (written == at) std::this_thread::yield();
    for (const auto part : ring.view(at, static_cast<std::size_t>(written - at))) {
      for (const float sample : part) wrong += sample != value_at(at++) ? 1 : 0;
    }
    ring.release(at);
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(ring.written(), kSamples);
}

}  // namespace
}  // namespace melstream::core
