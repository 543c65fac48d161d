// Front ends that users define, against the oracle: other hops, windows, transforms, filters, edges, stackings.
#include <cstddef>
#include <memory>
#include <numbers>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"
#include "melstream/engine/cpu/cpu_engine.hpp"

#include "tests/support/extract.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/oracle.hpp"

namespace melstream::test {
namespace {

using engine::FrontEnd;
using engine::FrontEndSpec;
using engine::LogBase;
using engine::Smoothing;

/// What good float32 code needs at most: the golden set's own numbers for speech and noise.
Tolerance tolerance_for(const FrontEndSpec& spec) {
  Tolerance t;
  t.group = static_cast<std::size_t>(spec.cepstrum ? spec.cepstrum->n_ceps : spec.mel.n_mels);
  t.lam = 1e-6;
  t.kappa = 3e-6;
  if (spec.cepstrum) {
    t.rule = Tolerance::Rule::kAbs;
    t.atol = 2e-3;
  } else if (spec.log.base == LogBase::kNone) {
    t.rule = Tolerance::Rule::kLinear;
    t.rtol = 2e-5;
  } else {
    t.rule = Tolerance::Rule::kLog;
    t.base = spec.log.base == LogBase::kTen ? 10.0 : std::numbers::e;
    t.atol = spec.log.base == LogBase::kTen ? 1e-5 : 3e-5;
  }
  return t;
}

/// Speech with a little noise, so that no bin is far below the frame's peak by chance alone.
std::vector<float> test_clip(std::size_t n_samples) {
  const std::vector<float>& speech = GoldenSet::instance().audio("espeak");
  const std::vector<float>& noise = GoldenSet::instance().audio("white");
  std::vector<float> clip;
  for (std::size_t i = 0; i < n_samples; ++i) clip.push_back(0.9F * speech[i + 9'000] + 0.01F * noise[i]);
  return clip;
}

/// Every target, whole and streamed, against the oracle on one clip.
void expect_oracle(const std::shared_ptr<const FrontEnd>& front_end, Smoothing smoothing,
                   const std::vector<float>& clip) {
  const Matrix expected = to_float(oracle_rows(front_end->spec(), smoothing, clip));
  for (const std::string& target : engine::cpu::targets()) {
    SCOPED_TRACE(target + ", " + std::to_string(clip.size()) + " samples\n" + front_end->canonical_text());
    const auto instance = engine::cpu::make_engine({target, 1, {}});
    const auto prepared = instance.engine->prepare(front_end, smoothing);
    const Matrix whole = whole_clip(*instance.engine, *prepared, clip);
    EXPECT_EQ(compare(expected, whole, tolerance_for(front_end->spec())).reason, "");
    const std::size_t chunk_sizes[] = {333};
    EXPECT_TRUE(streamed_clip(*instance.engine, *prepared, clip, chunk_sizes) == whole);
  }
}

void expect_oracle(const FrontEndSpec& spec) {
  const auto front_end = std::make_shared<const FrontEnd>(spec);
  for (const std::size_t n_samples : {std::size_t{4'000}, std::size_t{777}, std::size_t{90}}) {
    const std::vector<float> clip = test_clip(n_samples);
    expect_oracle(front_end, Smoothing::kNone, clip);
    if (front_end->allows_smoothing()) expect_oracle(front_end, Smoothing::kBox3x3, clip);
  }
}

using Fields = std::vector<std::pair<const char*, const char*>>;

struct Custom {
  const char* name;
  const char* base;
  Fields fields;
};

class CustomFrontEndTest : public testing::TestWithParam<Custom> {};

TEST_P(CustomFrontEndTest, AgreesWithTheOracle) {
  FrontEndSpec spec = engine::FrontEndCatalog().find(GetParam().base)->spec();
  spec.name = GetParam().name;
  for (const auto& [key, value] : GetParam().fields) engine::set_field(spec, key, value);
  expect_oracle(spec);
}

INSTANTIATE_TEST_SUITE_P(
    Definitions, CustomFrontEndTest,
    testing::ValuesIn(std::vector<Custom>{
        {"fast_hop", "whisper-80", {{"hop_samples", "80"}}},
        {"hop_1",
         "whisper-80",
         {{"hop_samples", "1"}, {"window_samples", "20"}, {"left_samples", "10"}, {"n_fft", "20"}, {"n_mels", "5"}}},
        {"hop_over_window", "nemo-80", {{"hop_samples", "700"}}},
        {"short_window",
         "whisper-80",
         {{"window_samples", "200"}, {"left_samples", "100"}, {"n_fft", "240"}, {"n_mels", "40"}}},
        {"fft_320", "whisper-80", {{"window_samples", "320"}, {"n_fft", "320"}, {"left_samples", "160"}}},
        {"fft_480", "kaldi-80", {{"n_fft", "480"}}},
        {"fft_600", "kaldi-80", {{"n_fft", "600"}, {"window_samples", "600"}}},
        {"fft_1000", "nemo-80", {{"n_fft", "1000"}, {"window_samples", "1000"}, {"left_samples", "500"}}},
        {"fft_2048", "whisper-128", {{"n_fft", "2048"}, {"window_samples", "1024"}}},
        {"fft_4096", "whisper-128", {{"n_fft", "4096"}, {"window_samples", "4096"}, {"left_samples", "2048"}}},
        {"fft_750", "whisper-80", {{"n_fft", "750"}, {"window_samples", "749"}}},
        {"fft_8", "wenet-80", {{"n_fft", "8"}, {"window_samples", "8"}, {"n_mels", "3"}, {"f_max_hz", "8000"}}},
        {"fft_10", "whisper-80", {{"n_fft", "10"}, {"window_samples", "7"}, {"left_samples", "3"}, {"n_mels", "2"}}},
        {"one_mel", "whisper-80", {{"n_mels", "1"}}},
        {"many_mels", "whisper-80", {{"n_mels", "512"}}},
        {"telephone", "kaldi-80", {{"f_min_hz", "300"}, {"f_max_hz", "3400"}, {"n_mels", "23"}}},
        {"left_0_reflect", "whisper-80", {{"left_samples", "0"}}},
        {"left_is_window", "whisper-80", {{"left_samples", "400"}}},
        {"zeros_kaldi", "kaldi-80", {{"edge", "zeros"}, {"frame_count", "floor_plus_one"}}},
        {"symmetric_whisper", "whisper-80", {{"edge", "symmetric"}}},
        {"snip_signal", "wenet-80", {{"remove_dc", "false"}, {"pre_emphasis_scope", "signal"}}},
        {"emphasis_without_dc", "kaldi-80", {{"remove_dc", "false"}, {"window", "hamming_symmetric"}}},
        {"dc_without_emphasis", "kaldi-80", {{"pre_emphasis_scope", "none"}}},
        {"natural_add", "whisper-80", {{"log", "e"}, {"log_floor_mode", "add"}, {"log_floor", "1e-6"}}},
        {"ten_add_int16", "kaldi-80-int16", {{"log", "ten"}, {"log_floor_mode", "add"}, {"log_floor", "1"}}},
        {"linear_kaldi", "kaldi-80", {{"log", "none"}}},
        {"htk_area", "torchaudio-80", {{"mel_norm", "slaney"}, {"log", "ten"}, {"log_floor", "1e-8"}}},
        {"lfr_4_3", "whisper-80", {{"lfr_m", "4"}, {"lfr_n", "3"}}},
        {"lfr_1_3", "kaldi-80", {{"lfr_m", "1"}, {"lfr_n", "3"}}},
        {"lfr_2_9", "kaldi-80", {{"lfr_m", "2"}, {"lfr_n", "9"}}},
        {"lfr_5_1", "nemo-80", {{"lfr_m", "5"}, {"n_mels", "24"}}},
        {"mfcc_plain", "mfcc-13-c0", {{"lifter", "0"}, {"cepstra", "23"}}},
        {"mfcc_stacked", "mfcc-13", {{"lfr_m", "3"}, {"lfr_n", "2"}}},
        {"mfcc_htk", "mfcc-13", {{"mel_scale", "htk"}, {"n_mels", "40"}, {"cepstra", "20"}, {"remove_dc", "false"}}},
        {"mfcc_of_nemo", "nemo-80", {{"cepstra", "13"}, {"energy", "cepstrum"}}},
        {"cmvn", "kaldi-80", {{"n_mels", "3"}, {"cmvn_shift", "8,9,10"}, {"cmvn_scale", "0.5,0.25,-2"}}},
    }),
    [](const auto& tested) { return std::string(tested.param.name); });

/// A valid spec drawn at random; those that the checks refuse are drawn again.
FrontEndSpec random_spec(std::mt19937& random) {
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  const engine::FrontEndCatalog catalog;
  const int lengths[] = {16,  20,  24,  30,  36,  50,  64,  90,  100, 128, 160,
                         200, 250, 256, 300, 360, 400, 512, 540, 800, 1024};
  for (;;) {
    FrontEndSpec spec = catalog.all()[static_cast<std::size_t>(pick(0, 13))]->spec();
    spec.name = "random";
    auto& t = spec.transform;
    t.n_fft = lengths[pick(0, 20)];
    t.geometry.window = pick(t.n_fft / 2, t.n_fft);
    t.geometry.hop = pick(t.n_fft / 8 + 1, t.n_fft);
    if (t.geometry.count != engine::FrameCount::kSnip) t.geometry.left = pick(0, t.geometry.window);
    t.window = static_cast<engine::WindowShape>(pick(0, 3));
    spec.mel.n_mels = pick(1, 60);
    spec.mel.f_min_hz = pick(0, 1000);
    spec.mel.f_max_hz = pick(2000, 8000);
    if (spec.cepstrum) spec.cepstrum->n_ceps = pick(1, spec.mel.n_mels);
    if (spec.lfr.m > 1) spec.lfr = {pick(1, 9), pick(1, 9)};
    try {
      const FrontEnd checked(spec);
      return spec;
    } catch (const core::Error&) {
      continue;
    }
  }
}

TEST(RandomFrontEnds, AgreeWithTheOracle) {
  std::mt19937 random(2024);
  for (int i = 0; i < 40; ++i) expect_oracle(random_spec(random));
}

}  // namespace
}  // namespace melstream::test
