#include "bench/gpu_check/signals.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>

namespace melstream::bench {
namespace {

constexpr double kRateHz = 16000.0;
constexpr float kLargest = 32767.0F / 32768.0F;
/// Windows, hops, paddings, and their neighbours.
constexpr std::array<std::size_t, 18> kEdgeLengths = {0,   1,   2,   79,  80,  81,  119, 120, 159,
                                                      160, 161, 199, 200, 201, 239, 240, 400, 401};

std::vector<float> noise(std::size_t n_samples, std::uint32_t seed, float level) {
  std::mt19937 random(seed);
  std::vector<float> samples(n_samples);
  // Of whole s16 steps, as live audio is.
  for (float& sample : samples) {
    const auto step = static_cast<double>(static_cast<std::int32_t>(random())) / 65536.0;
    sample = level * static_cast<float>(std::round(step)) / 32768.0F;
  }
  return samples;
}

template <typename Sample>
std::vector<float> of_each(std::size_t n_samples, Sample sample) {
  std::vector<float> samples(n_samples);
  for (std::size_t n = 0; n < n_samples; ++n) samples[n] = sample(n);
  return samples;
}

}  // namespace

std::vector<Clip> made_up_clips(std::size_t n_samples, bool every_length) {
  const auto tone = [](double hz, float level) {
    return [=](std::size_t n) {
      return level * static_cast<float>(std::sin(2.0 * std::numbers::pi * hz * static_cast<double>(n) / kRateHz));
    };
  };
  std::vector<Clip> clips = {
      {"noise at full scale", noise(n_samples, 1, 1.0F)},
      {"noise at -60 dB", noise(n_samples, 2, 0.001F)},
      {"tone", of_each(n_samples, tone(440.0, 0.5F))},
      {"loud tone at a bin's edge", of_each(n_samples, tone(3020.0, 0.99F))},
      {"clicks", of_each(n_samples, [](std::size_t n) { return n % 397 == 13 ? kLargest : 0.0F; })},
      {"DC", std::vector<float>(n_samples, 0.5F)},
      {"silence", std::vector<float>(n_samples, 0.0F)},
      // Not each by itself: a tone at half the rate, which Kaldi's filters do not see, is all that such a frame has.
      {"s16 extremes in pairs", of_each(n_samples, [](std::size_t n) { return n / 2 % 2 == 0 ? -1.0F : kLargest; })},
      {"s16 extremes in runs", of_each(n_samples, [](std::size_t n) { return n / 37 % 2 == 0 ? -1.0F : kLargest; })},
      {"one s16 step", of_each(n_samples, [](std::size_t n) { return n % 3 == 0 ? 1.0F / 32768.0F : 0.0F; })},
  };
  for (std::size_t length = 0; length <= 401; ++length) {
    const bool is_edge = std::find(kEdgeLengths.begin(), kEdgeLengths.end(), length) != kEdgeLengths.end();
    if (!every_length && !is_edge && length % 7 != 0) continue;
    clips.push_back(
        {std::to_string(length) + " samples", noise(length, 100 + static_cast<std::uint32_t>(length), 0.5F)});
  }
  return clips;
}

}  // namespace melstream::bench
