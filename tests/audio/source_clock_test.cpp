// A sender's clock seen through a network that delays: the oracle is the true time of each sample.
#include "melstream/audio/source_clock.hpp"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

namespace melstream::audio {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kOrigin = 5'000'000'000;

/// Packets of 20 ms, of a source that is fast by so many ppm, delayed by 5 ms and up to `jitter_ms` more.
class Network {
 public:
  Network(int rate_hz, double ppm, int jitter_ms) : rate_hz_(rate_hz), ppm_(ppm), jitter_ms_(jitter_ms) {}
  std::int64_t captured_ns(std::int64_t position) const {
    return kOrigin + static_cast<std::int64_t>(static_cast<double>(position) / rate_hz_ * 1e9 / (1 + ppm_ * 1e-6));
  }
  void send(SourceClock& clock, int n_packets) {
    for (int i = 0; i < n_packets; ++i) {
      position_ += rate_hz_ / 50;
      const auto extra_ms =
          jitter_ms_ > 0 ? static_cast<std::int64_t>(random_() % static_cast<unsigned>(jitter_ms_)) : 0;
      clock.observe(position_, captured_ns(position_) + (5 + extra_ms) * kMs);
    }
  }
  std::int64_t position() const { return position_; }

 private:
  int rate_hz_;
  double ppm_;
  int jitter_ms_;
  std::int64_t position_ = std::int64_t{1} << 32;
  std::mt19937 random_{7};
};

TEST(SourceClock, KnowsNothingBeforeTheFirstArrival) {
  const SourceClock clock(8000);
  EXPECT_EQ(clock.capture_mono_ns(100), 0);
  EXPECT_EQ(clock.delay_ns(100, kOrigin), 0);
  EXPECT_FALSE(clock.drift_ppm().has_value());
}

TEST(SourceClock, IsAsExactAsTheFastestPacket) {
  SourceClock clock(44100);
  Network network(44100, 0, 40);
  network.send(clock, 200);
  const std::int64_t at = network.position() - 1000;
  EXPECT_NEAR(static_cast<double>(clock.capture_mono_ns(at) - network.captured_ns(at)), 5.0 * kMs, 1.0 * kMs);
  EXPECT_NEAR(static_cast<double>(clock.delay_ns(at, network.captured_ns(at) + 30 * kMs)), 25.0 * kMs, 1.0 * kMs);
}

TEST(SourceClock, FollowsASlowSource) {
  // 200 ppm are 12 ms in a minute: a minimum of all times would be that wrong.
  SourceClock clock(8000);
  Network network(8000, -200, 0);
  network.send(clock, 60 * 50);
  const std::int64_t at = network.position();
  EXPECT_NEAR(static_cast<double>(clock.capture_mono_ns(at) - network.captured_ns(at)), 5.0 * kMs, 2.1 * kMs);
}

TEST(SourceClock, TellsTheDrift) {
  for (const double ppm : {-120.0, 0.0, 80.0}) {
    SourceClock clock(16000);
    Network network(16000, ppm, 20);
    network.send(clock, 5 * 50);
    EXPECT_FALSE(clock.drift_ppm().has_value());
    network.send(clock, 70 * 50);
    ASSERT_TRUE(clock.drift_ppm().has_value());
    EXPECT_NEAR(*clock.drift_ppm(), ppm, 15.0);
  }
}

TEST(SourceClock, BeginsAnew) {
  SourceClock clock(8000);
  Network network(8000, 0, 0);
  network.send(clock, 100);
  clock.restart();
  EXPECT_EQ(clock.capture_mono_ns(0), 0);
  clock.observe(160, kOrigin);
  EXPECT_EQ(clock.capture_mono_ns(0), kOrigin - 20 * kMs);
}

}  // namespace
}  // namespace melstream::audio
