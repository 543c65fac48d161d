// The resampler: quality and length against the golden references, bits whatever the cuts, delay as told.
#include "melstream/audio/resampler.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/audio/ingest_fixture.hpp"
#include "tests/audio/signal_measures.hpp"
#include "tests/audio/wav_file.hpp"

namespace melstream::audio {
namespace {

std::vector<float> noise(std::size_t n) {
  std::minstd_rand random(7);
  std::vector<float> samples(n);
  for (float& sample : samples) sample = static_cast<float>(static_cast<double>(random()) / 0x1p31 - 0.5);
  return samples;
}

/// All of `source` through `resampler`, cut into pieces whose lengths `next_length` tells, and the flush.
template <typename NextLength>
std::vector<float> resampled(Resampler& resampler, std::span<const float> source, NextLength next_length) {
  std::vector<float> all;
  std::vector<float> out(5000);
  while (!source.empty()) {
    auto piece = source.first(std::min(source.size(), static_cast<std::size_t>(next_length())));
    source = source.subspan(piece.size());
    while (!piece.empty()) {
      const auto step = resampler.process(piece, out);
      all.insert(all.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(step.produced));
      piece = piece.subspan(step.consumed);
    }
  }
  for (std::size_t n = resampler.flush(out); n > 0; n = resampler.flush(out)) {
    all.insert(all.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(n));
  }
  return all;
}

std::vector<float> resampled(int rate_hz, std::span<const float> source, std::size_t piece = 480) {
  Resampler resampler(rate_hz);
  return resampled(resampler, source, [piece] { return piece; });
}

struct GoldenCase {
  std::string file;
  std::string reference;
  double band_hz;  ///< golden/README.md section 5: filters differ near the band's edge only
};

class GoldenResampling : public ::testing::TestWithParam<GoldenCase> {};

TEST_P(GoldenResampling, HasTheLengthPlaceAndSoundOfTheReference) {
  const auto wav = test::read_golden_wav(GetParam().file);
  const auto reference = test::pcm16_samples(test::read_golden_wav(GetParam().reference));
  test::Publisher publisher(wav.format);  // two channels are mixed
  publisher.push_all(wav.bytes, 882);
  ASSERT_EQ(publisher.taken[0].segments.size(), 1u);
  const auto samples = publisher.taken[0].all_samples();
  EXPECT_NEAR(static_cast<double>(samples.size()), static_cast<double>(reference.size()), 2);
  EXPECT_EQ(test::delay_samples(samples, reference), 0);
  const double measured_db = test::snr_db(samples, reference, GetParam().band_hz);
  EXPECT_GE(measured_db, 55) << measured_db;
  RecordProperty("snr_db", std::to_string(measured_db));
}

INSTANTIATE_TEST_SUITE_P(
    Files, GoldenResampling,
    ::testing::Values(GoldenCase{"espeak_8k_mulaw.wav", "espeak_8k_mulaw_to16k_ref.wav", 3200},
                      GoldenCase{"espeak_8k_mulaw_decoded.wav", "espeak_8k_mulaw_to16k_ref.wav", 3200},
                      GoldenCase{"espeak_44k1_stereo.wav", "espeak_44k1_stereo_to16k_ref.wav", 6500}),
    [](const auto& golden) { return golden.param.file.substr(0, golden.param.file.find('.')); });

class ResamplerRates : public ::testing::TestWithParam<int> {};

TEST_P(ResamplerRates, BitsDoNotDependOnTheCuts) {
  const int rate_hz = GetParam();
  const auto source = noise(static_cast<std::size_t>(rate_hz) / 2 + 11);
  const auto whole = resampled(rate_hz, source, source.size());
  for (const std::size_t piece : {1, 7, 160, 441, 4096}) {
    ASSERT_EQ(resampled(rate_hz, source, piece), whole) << piece;
  }
  std::minstd_rand random(1);
  Resampler resampler(rate_hz);
  EXPECT_EQ(resampled(resampler, source, [&random] { return 1 + random() % 3000; }), whole);
}

TEST_P(ResamplerRates, LengthIsRoundedHalfUp) {
  const int rate_hz = GetParam();
  for (const std::size_t n : {1, 2, 3, 5, 6, 77, 1000, 4411, 16001}) {
    const auto wanted =
        static_cast<std::size_t>(std::floor(static_cast<double>(n) * 16000 / static_cast<double>(rate_hz) + 0.5));
    EXPECT_EQ(resampled(rate_hz, noise(n)).size(), wanted) << n;
  }
}

TEST_P(ResamplerRates, ResetForgetsWhatWasBefore) {
  const int rate_hz = GetParam();
  const auto source = noise(static_cast<std::size_t>(rate_hz) / 4);
  const auto fresh = resampled(rate_hz, source);
  Resampler resampler(rate_hz);
  std::vector<float> out(20000);
  resampler.process(std::span(source).first(777), out);
  resampler.reset();
  EXPECT_EQ(resampled(resampler, source, [] { return 480; }), fresh);
  resampler.reset();
  EXPECT_EQ(resampled(resampler, source, [] { return 99; }), fresh);
}

TEST_P(ResamplerRates, KeepsASineInPlaceAndLoud) {
  const int rate_hz = GetParam();
  std::vector<float> source(static_cast<std::size_t>(rate_hz));
  for (std::size_t i = 0; i < source.size(); ++i) {
    source[i] = static_cast<float>(std::sin(2 * std::numbers::pi * 997 * static_cast<double>(i) / rate_hz) / 2);
  }
  const auto samples = resampled(rate_hz, source);
  // A tenth of a second at each end is where the sine is cut off.
  for (std::size_t i = 1600; i < 14400; ++i) {
    const double wanted = std::sin(2 * std::numbers::pi * 997 * static_cast<double>(i) / 16000) / 2;
    ASSERT_NEAR(static_cast<double>(samples[i]), wanted, 2e-5) << i;
  }
}

TEST_P(ResamplerRates, NothingComesLaterThanTold) {
  const int rate_hz = GetParam();
  const std::int64_t told_ns = resampler_delay_ns(rate_hz);
  Resampler resampler(rate_hz);
  const auto source = noise(static_cast<std::size_t>(rate_hz) * 2);
  std::vector<float> out(5000);
  std::int64_t produced = 0;
  std::int64_t longest_ns = 0;
  for (std::size_t i = 0; i < source.size(); ++i) {
    const auto fed = static_cast<std::int64_t>(i + 1);
    longest_ns = std::max(longest_ns, fed * core::kNsPerSecond / rate_hz - core::samples_to_ns(produced));
    produced += static_cast<std::int64_t>(resampler.process(std::span(source).subspan(i, 1), out).produced);
  }
  EXPECT_LE(longest_ns, told_ns);
  EXPECT_GE(longest_ns, told_ns - 1'000'000);  // and the figure is no idle bound
}

INSTANTIATE_TEST_SUITE_P(Rates, ResamplerRates, ::testing::Values(8000, 11025, 16001, 32000, 44100, 48000, 192000),
                         [](const auto& rate) { return std::to_string(rate.param); });

TEST(Resampler, From8KilohertzIsFlatToTheEdgeAndHasNoImages) {
  for (const double hz : {100.0, 1000.0, 3000.0, 3400.0, 3640.0}) {
    std::vector<float> source(8000);
    for (std::size_t i = 0; i < source.size(); ++i) {
      source[i] = static_cast<float>(std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / 8000) / 2);
    }
    const auto samples = resampled(8000, source);
    // What is not the sine is the image at 8000 - hz and the ripple: below -90 dB of its amplitude.
    double worst = 0;
    for (std::size_t i = 1600; i < 14400; ++i) {
      const double wanted = std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / 16000) / 2;
      worst = std::max(worst, std::abs(static_cast<double>(samples[i]) - wanted));
    }
    EXPECT_LE(worst, 0.5 * 3.2e-5) << hz;
  }
}

TEST(Resampler, DelayIsAsLowAsDecided) {
  EXPECT_EQ(resampler_delay_ns(16000), 0);
  EXPECT_LE(resampler_delay_ns(44100), 18'000'000);
  EXPECT_LE(resampler_delay_ns(48000), 16'000'000);
  EXPECT_LE(resampler_delay_ns(8000), 9'500'000);
}

TEST(ResamplerDelays, AreThoseOfTheResampler) {
  ResamplerDelays delays;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(delays.of(8000), resampler_delay_ns(8000));
    EXPECT_EQ(delays.of(16000), 0);
  }
  for (int rate = 8000; rate < 8100; ++rate) EXPECT_GT(delays.of(rate), 0);
}

}  // namespace
}  // namespace melstream::audio
