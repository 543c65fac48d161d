#include "tests/engine/custom_specs.hpp"

#include <utility>

#include "melstream/core/error.hpp"

#include "tests/support/golden.hpp"

namespace melstream::test {
namespace {

using engine::FrontEnd;
using engine::FrontEndSpec;

struct Custom {
  const char* name;
  const char* base;
  std::vector<std::pair<const char*, const char*>> fields;
};

std::vector<Custom> definitions() {
  return {
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
  };
}

}  // namespace

std::vector<FrontEndSpec> custom_specs() {
  std::vector<FrontEndSpec> specs;
  const engine::FrontEndCatalog catalog;
  for (const Custom& custom : definitions()) {
    FrontEndSpec& spec = specs.emplace_back(catalog.find(custom.base)->spec());
    spec.name = custom.name;
    for (const auto& [key, value] : custom.fields) engine::set_field(spec, key, value);
  }
  return specs;
}

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

std::vector<float> speech_in_noise(std::size_t n_samples) {
  const std::vector<float>& speech = GoldenSet::instance().audio("espeak");
  const std::vector<float>& noise = GoldenSet::instance().audio("white");
  std::vector<float> clip;
  for (std::size_t i = 0; i < n_samples; ++i) clip.push_back(0.9F * speech[i + 9'000] + 0.01F * noise[i]);
  return clip;
}

}  // namespace melstream::test
