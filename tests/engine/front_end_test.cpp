// Front ends as values: what the catalog holds, what is refused and how it is told, text and hash.
#include "melstream/engine/front_end.hpp"

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"
#include "melstream/engine/sha256.hpp"

namespace melstream::engine {
namespace {

using core::Error;
using core::ErrorCode;

FrontEndSpec spec_of(const char* name) {
  FrontEndSpec spec = FrontEndCatalog().find(name)->spec();
  spec.name = "test";
  return spec;
}

/// The error that an action throws; fails the test if it throws none.
Error error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return {ErrorCode::kInternal, ""};
}

bool mentions(const Error& error, const std::string& text) {
  return std::string(error.what()).find(text) != std::string::npos;
}

TEST(FrontEndCatalog, HoldsTheBuiltInFrontEndsInOrder) {
  const FrontEndCatalog catalog;
  std::vector<std::string> names;
  std::vector<int> n_bins;
  for (const auto& front_end : catalog.all()) {
    names.push_back(front_end->name());
    n_bins.push_back(front_end->n_bins());
  }
  EXPECT_EQ(names, (std::vector<std::string>{"whisper-80", "whisper-128", "kaldi-80", "kaldi-80-hf0", "kaldi-80-int16",
                                             "wenet-80", "funasr-80", "paraformer-560", "nemo-80", "nemo-128",
                                             "mfcc-13", "mfcc-13-c0", "librosa-80", "torchaudio-80"}));
  EXPECT_EQ(n_bins, (std::vector<int>{80, 128, 80, 80, 80, 80, 80, 560, 80, 128, 13, 13, 80, 80}));
}

TEST(FrontEndCatalog, FindsGoldenNames) {
  const FrontEndCatalog catalog;
  const std::vector<std::pair<const char*, const char*>> aliases = {{"whisper80_raw", "whisper-80"},
                                                                    {"whisper80", "whisper-80"},
                                                                    {"whisper128_raw", "whisper-128"},
                                                                    {"kaldi80", "kaldi-80"},
                                                                    {"icefall80", "kaldi-80"},
                                                                    {"sherpa80", "kaldi-80"},
                                                                    {"kaldi80_hf0", "kaldi-80-hf0"},
                                                                    {"kaldi80_int16", "kaldi-80-int16"},
                                                                    {"wenet80", "wenet-80"},
                                                                    {"funasr80", "funasr-80"},
                                                                    {"paraformer560", "paraformer-560"},
                                                                    {"sensevoice560", "paraformer-560"},
                                                                    {"nemo80_raw", "nemo-80"},
                                                                    {"nemo128_raw", "nemo-128"},
                                                                    {"mfcc13", "mfcc-13"},
                                                                    {"mfcc13_c0", "mfcc-13-c0"},
                                                                    {"librosa80", "librosa-80"},
                                                                    {"librosa80_power", "librosa-80"},
                                                                    {"torchaudio80", "torchaudio-80"},
                                                                    {"torchaudio80_power", "torchaudio-80"}};
  for (const auto& [alias, name] : aliases) EXPECT_EQ(catalog.find(alias)->name(), name) << alias;
  EXPECT_EQ(catalog.find("whisper-80"), catalog.find("whisper80_raw"));
}

TEST(FrontEndCatalog, AnUnknownNameIsToldWithTheNearestAndTheKnownOnes) {
  const FrontEndCatalog catalog;
  const Error error = error_of([&] { catalog.find("wisper-80"); });
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_EQ(error.field(), "front_end");
  EXPECT_TRUE(mentions(error, "'wisper-80'")) << error.what();
  EXPECT_TRUE(mentions(error, "did you mean 'whisper-80'?")) << error.what();
  EXPECT_TRUE(mentions(error, "paraformer-560, nemo-80")) << error.what();
  EXPECT_FALSE(mentions(error_of([&] { catalog.find("zzzzzzzzzzzzzz"); }), "did you mean"));
  EXPECT_LT(std::string(error_of([&] { catalog.find(std::string(100'000, 'w')); }).what()).size(), 400U);
}

TEST(FrontEndCatalog, TakesFrontEndsOfTheUserUnderNewNamesOnly) {
  FrontEndCatalog catalog;
  FrontEndSpec spec = spec_of("whisper-80");
  spec.name = "mine";
  catalog.add(spec);
  EXPECT_EQ(catalog.find("mine"), catalog.all().back());
  for (const char* taken : {"mine", "whisper-80", "kaldi80"}) {
    spec.name = taken;
    EXPECT_EQ(error_of([&] { catalog.add(spec); }).code(), ErrorCode::kAlreadyExists) << taken;
  }
}

TEST(FrontEndCatalog, CmvnMakesAnotherFrontEnd) {
  const FrontEndCatalog catalog;
  const auto plain = catalog.find("paraformer-560");
  const auto with =
      catalog.with_cmvn("sensevoice560", {std::vector<float>(560, -8.0F), std::vector<float>(560, 0.25F)});
  const auto other =
      catalog.with_cmvn("sensevoice560", {std::vector<float>(560, -8.0F), std::vector<float>(560, 0.5F)});
  EXPECT_EQ(with->name(), "paraformer-560");
  EXPECT_NE(with->sha256(), plain->sha256());
  EXPECT_NE(with->sha256(), other->sha256());
  EXPECT_NE(with->canonical_text().find("cmvn_shift=-8,-8,"), std::string::npos);
  EXPECT_FALSE(plain->spec().cmvn.has_value());
}

TEST(FrontEndCatalog, CmvnMustFitTheRow) {
  const FrontEndCatalog catalog;
  const std::vector<float> fits(560);
  const Error short_scale = error_of([&] { catalog.with_cmvn("paraformer-560", {fits, std::vector<float>(80)}); });
  EXPECT_EQ(short_scale.code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(short_scale.field(), "cmvn");
  EXPECT_TRUE(mentions(short_scale, "560 shifts and 80 scales")) << short_scale.what();
  std::vector<float> broken = fits;
  broken[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(error_of([&] { catalog.with_cmvn("paraformer-560", {broken, fits}); }).field(), "cmvn");
}

TEST(FrontEnd, TextNamesEverythingThatDecidesItsNumbers) {
  EXPECT_EQ(FrontEndCatalog().find("mfcc-13")->canonical_text(),
            "cepstra=13\nedge=none\nenergy=raw\nf_max_hz=8000\nf_min_hz=20\nframe_count=snip\nhop_samples=160\n"
            "left_samples=0\nlfr_m=1\nlfr_n=1\nlifter=22\nlog=e\nlog_floor=1.1920929e-07\nlog_floor_mode=max\n"
            "mel_norm=none\nmel_scale=kaldi\nn_fft=512\nn_mels=23\npre_emphasis=0.97\npre_emphasis_scope=frame\n"
            "remove_dc=true\nsample_rate_hz=16000\nsample_scale=32768\nversion=1\nwindow=povey\nwindow_samples=400\n");
}

TEST(FrontEnd, HashesNeverChangeUnderTheSameVersion) {
  // Clients pin these. A change here is a new version of the front end.
  const FrontEndCatalog catalog;
  EXPECT_EQ(catalog.find("whisper-80")->sha256(), "ff8662dddf323192d42ce0d08bf05f77e841f83859269349246e29c1192ff2f7");
  EXPECT_EQ(catalog.find("whisper-128")->sha256(), "5ca53a5c99e5443049d083f6abecbb258adf0e97570fbab9e7d552314abff01d");
  EXPECT_EQ(catalog.find("kaldi-80")->sha256(), "3d35820ed38c60eff510b455e1b55df23f681fccc9902fab3d0b727deaec8c44");
  EXPECT_EQ(catalog.find("kaldi-80-hf0")->sha256(), "f7c8f2fdcfad4e94b749cb4446d399a30864ca580b102d7e892df4be27b74cb3");
  EXPECT_EQ(catalog.find("kaldi-80-int16")->sha256(),
            "b261232ed45d3ca40e382ca2506fefc7a415c8e1cb4777b4b85149dbe3538265");
  EXPECT_EQ(catalog.find("wenet-80")->sha256(), "b9f684b0c944f0eef7cd6a4c440808ff19d502279f6eb7b1742b19959415bb37");
  EXPECT_EQ(catalog.find("funasr-80")->sha256(), "a04355b8f2c83fdb9c304a6e8784e3072dfc14339240c9ba07a73d5bbaf8b8d0");
  EXPECT_EQ(catalog.find("paraformer-560")->sha256(),
            "6546beceb33cd66851d8d3e709c01158d040c31ab3104181bd6e9c39c8bde9ed");
  EXPECT_EQ(catalog.find("nemo-80")->sha256(), "bd3069a68b2d98bc5d32c877a62b6ada4d8b8465a55cf9e4547928d322d5a290");
  EXPECT_EQ(catalog.find("nemo-128")->sha256(), "3eb16d8a0115931afd1fd11a03741e028ef7f7184c25757d8d442cbb5a5fb783");
  EXPECT_EQ(catalog.find("mfcc-13")->sha256(), "a694d4299d8751aa4cd5faf472eec7e1e1b984c3b2328ed3593cb9f4d78ff879");
  EXPECT_EQ(catalog.find("mfcc-13")->sha256(), sha256_hex(catalog.find("mfcc-13")->canonical_text()));
}

TEST(FrontEnd, NameDoesNotEnterTheHashButEveryNumberDoes) {
  const FrontEnd base(spec_of("kaldi-80"));
  EXPECT_EQ(base.sha256(), FrontEndCatalog().find("kaldi-80")->sha256());
  const std::vector<std::function<void(FrontEndSpec&)>> changes = {
      [](FrontEndSpec& s) { s.version = 2; },
      [](FrontEndSpec& s) { s.transform.geometry.hop = 80; },
      [](FrontEndSpec& s) { s.transform.geometry.window = 320; },
      [](FrontEndSpec& s) { s.transform.geometry.left = 121; },
      [](FrontEndSpec& s) { s.transform.geometry.edge = Edge::kZeros; },
      [](FrontEndSpec& s) { s.transform.geometry.count = FrameCount::kFloor; },
      [](FrontEndSpec& s) { s.transform.scale = 2.0F; },
      [](FrontEndSpec& s) { s.transform.remove_dc = false; },
      [](FrontEndSpec& s) { s.transform.pre_emphasis = 0.96F; },
      [](FrontEndSpec& s) { s.transform.pre_emphasis_scope = PreEmphasisScope::kNone; },
      [](FrontEndSpec& s) { s.transform.window = WindowShape::kHannPeriodic; },
      [](FrontEndSpec& s) { s.transform.n_fft = 1024; },
      [](FrontEndSpec& s) { s.mel.n_mels = 81; },
      [](FrontEndSpec& s) { s.mel.scale = MelScale::kHtk; },
      [](FrontEndSpec& s) { s.mel.f_min_hz = 20.000000000000004; },
      [](FrontEndSpec& s) { s.mel.f_max_hz = 7599.0; },
      [](FrontEndSpec& s) { s.log.base = LogBase::kTen; },
      [](FrontEndSpec& s) { s.log.floor = LogFloor::kAdd; },
      [](FrontEndSpec& s) { s.log.floor_value = 1.1920930e-07F; },
      [](FrontEndSpec& s) { s.lfr.m = 2; },
      [](FrontEndSpec& s) { s.lfr.n = 2; },
      [](FrontEndSpec& s) { s.cepstrum.emplace(); },
  };
  std::vector<std::string> hashes = {base.sha256()};
  for (const auto& change : changes) {
    FrontEndSpec spec = spec_of("kaldi-80");
    change(spec);
    const std::string hash = FrontEnd(spec).sha256();
    for (const std::string& other : hashes) EXPECT_NE(hash, other) << "change " << hashes.size();
    hashes.push_back(hash);
  }
}

TEST(FrontEnd, FieldsWithoutEffectDoNotEnterTheHash) {
  FrontEndSpec spec = spec_of("librosa-80");
  spec.log.floor_value = 7.0F;
  spec.transform.pre_emphasis = 0.5F;
  spec.transform.geometry.lead = 9;
  const FrontEnd front_end(spec);
  EXPECT_EQ(front_end.sha256(), FrontEndCatalog().find("librosa-80")->sha256());
  EXPECT_EQ(front_end.spec().transform, FrontEndCatalog().find("librosa-80")->spec().transform);
}

TEST(FrontEnd, PreEmphasisOverTheSignalNeedsTheSampleBefore) {
  EXPECT_EQ(FrontEndCatalog().find("nemo-80")->rows(Smoothing::kNone).frame.lead, 1);
  EXPECT_EQ(FrontEndCatalog().find("kaldi-80")->rows(Smoothing::kNone).frame.lead, 0);
}

TEST(FrontEnd, TakesNoRawEnergyOfASignalThatWasPreEmphasised) {
  FrontEndSpec spec = FrontEndCatalog().find("nemo-80")->spec();
  spec.name = "mfcc-of-nemo";
  spec.log = {LogBase::kE, LogFloor::kMax, 1e-10F};
  spec.cepstrum = CepstrumSpec{.energy = EnergyTerm::kRawEnergy};
  EXPECT_EQ(error_of([&] { FrontEnd{spec}; }).field(), "energy");
  spec.cepstrum->energy = EnergyTerm::kCepstrum;
  EXPECT_EQ(FrontEnd(spec).n_bins(), 13);
}

TEST(FrontEnd, SmoothingIsForLogMelsOnly) {
  const FrontEndCatalog catalog;
  for (const char* name : {"whisper-80", "whisper-128", "kaldi-80", "wenet-80", "funasr-80", "nemo-80", "nemo-128"}) {
    EXPECT_TRUE(catalog.find(name)->allows_smoothing()) << name;
  }
  for (const char* name : {"paraformer-560", "mfcc-13", "mfcc-13-c0", "librosa-80", "torchaudio-80"}) {
    EXPECT_FALSE(catalog.find(name)->allows_smoothing()) << name;
  }
  const Cmvn cmvn{std::vector<float>(80), std::vector<float>(80)};
  EXPECT_FALSE(catalog.with_cmvn("kaldi-80", cmvn)->allows_smoothing());
  EXPECT_EQ(catalog.find("whisper-80")->n_bins(Smoothing::kBox3x3), 80);
  EXPECT_EQ(catalog.find("whisper-80")->n_bins(Smoothing::kBox3x3Valid), 78);
  FrontEndSpec two_bins = spec_of("whisper-80");
  two_bins.mel.n_mels = 2;
  EXPECT_FALSE(FrontEnd(two_bins).allows_smoothing());
}

TEST(FrontEnd, OnlyWhisperShapesAreWhisper) {
  const FrontEndCatalog catalog;
  for (const auto& front_end : catalog.all()) {
    EXPECT_EQ(front_end->is_whisper(), front_end->name().rfind("whisper", 0) == 0) << front_end->name();
  }
}

struct Refusal {
  const char* name;
  std::function<void(FrontEndSpec&)> change;  ///< of kaldi-80
  const char* field;
  const char* told;  ///< part of the message
};

class FrontEndRefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(FrontEndRefusalTest, NamesTheFieldTheValueAndTheRange) {
  FrontEndSpec spec = spec_of("kaldi-80");
  GetParam().change(spec);
  const Error error = error_of([&] { FrontEnd front_end(spec); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error.field(), GetParam().field);
  EXPECT_TRUE(mentions(error, GetParam().told)) << error.what();
}

INSTANTIATE_TEST_SUITE_P(
    Fields, FrontEndRefusalTest,
    testing::ValuesIn(std::vector<Refusal>{
        {"name_blank", [](auto& s) { s.name = "a b"; }, "name", "1 to 64"},
        {"name_empty", [](auto& s) { s.name = ""; }, "name", "1 to 64"},
        {"n_fft_odd", [](auto& s) { s.transform.n_fft = 405; }, "n_fft", "405 must be even"},
        {"n_fft_seven", [](auto& s) { s.transform.n_fft = 448; }, "n_fft",
         "448 must be even and a product of 2, 3 and 5"},
        {"n_fft_large", [](auto& s) { s.transform.n_fft = 8192; }, "n_fft", "8192 is not in 8..4096"},
        {"n_fft_short", [](auto& s) { s.transform.n_fft = 384; }, "n_fft", "384 is shorter than window_samples = 400"},
        {"window_one", [](auto& s) { s.transform.geometry.window = 1; }, "window_samples", "1 is not in 2..4096"},
        {"hop_zero", [](auto& s) { s.transform.geometry.hop = 0; }, "hop_samples", "0 is not in 1..8192"},
        {"hop_beyond_ring", [](auto& s) { s.transform.geometry.hop = 4000; }, "hop_samples", "at most 8192 fit"},
        {"left_beyond_window", [](auto& s) { s.transform.geometry.left = 401; }, "left_samples",
         "401 is not in 0..400"},
        {"left_negative", [](auto& s) { s.transform.geometry.left = -1; }, "left_samples", "-1 is not in 0..400"},
        {"no_edge_but_frames_past_the_end", [](auto& s) { s.transform.geometry.edge = Edge::kNone; }, "edge", "snip"},
        {"snip_with_edge", [](auto& s) { s.transform.geometry.count = FrameCount::kSnip; }, "edge", "snip"},
        {"snip_with_left",
         [](auto& s) {
           s.transform.geometry.count = FrameCount::kSnip;
           s.transform.geometry.edge = Edge::kNone;
         },
         "left_samples", "120 must be 0"},
        {"scale_zero", [](auto& s) { s.transform.scale = 0.0F; }, "sample_scale", "0 is not in (0, 32768]"},
        {"pre_emphasis", [](auto& s) { s.transform.pre_emphasis = 1.5F; }, "pre_emphasis", "1.5 is not in 0..1"},
        {"signal_scope_with_reflection", [](auto& s) { s.transform.pre_emphasis_scope = PreEmphasisScope::kSignal; },
         "pre_emphasis_scope", "zeros or none"},
        {"signal_scope_with_dc",
         [](auto& s) {
           s.transform.pre_emphasis_scope = PreEmphasisScope::kSignal;
           s.transform.geometry.edge = Edge::kZeros;
         },
         "remove_dc", "must be false"},
        {"n_mels_zero", [](auto& s) { s.mel.n_mels = 0; }, "n_mels", "0 is not in 1..512"},
        {"n_mels_large", [](auto& s) { s.mel.n_mels = 513; }, "n_mels", "513 is not in 1..512"},
        {"f_min_negative", [](auto& s) { s.mel.f_min_hz = -1.0; }, "f_min_hz", "-1 is not in [0, 8000)"},
        {"f_max_beyond_nyquist", [](auto& s) { s.mel.f_max_hz = 8001.0; }, "f_max_hz", "8001 is not in (0, 8000]"},
        {"f_max_kaldi_style", [](auto& s) { s.mel.f_max_hz = -400.0; }, "f_max_hz", "-400 is not in (0, 8000]"},
        {"f_max_below_f_min", [](auto& s) { s.mel.f_max_hz = 10.0; }, "f_max_hz", "above f_min_hz = 20"},
        {"f_min_nan", [](auto& s) { s.mel.f_min_hz = std::numeric_limits<double>::quiet_NaN(); }, "f_min_hz", "nan"},
        {"kaldi_with_area_norm", [](auto& s) { s.mel.norm = MelNorm::kSlaney; }, "mel_norm", "must be none"},
        {"floor_zero", [](auto& s) { s.log.floor_value = 0.0F; }, "log_floor", "at least"},
        {"floor_denormal", [](auto& s) { s.log.floor_value = 1e-40F; }, "log_floor", "at least"},
        {"cepstra_beyond_mels", [](auto& s) { s.cepstrum.emplace().n_ceps = 81; }, "cepstra", "81 is not in 1..80"},
        {"cepstra_without_natural_log",
         [](auto& s) {
           s.cepstrum.emplace();
           s.log.base = LogBase::kTen;
         },
         "log", "must be e"},
        {"lfr_zero", [](auto& s) { s.lfr.m = 0; }, "lfr_m", "0 is not in 1..64"},
        {"lfr_large", [](auto& s) { s.lfr.n = 65; }, "lfr_n", "65 is not in 1..64"},
        {"lfr_beyond_ring", [](auto& s) { s.lfr.m = 64; }, "hop_samples", "at most 8192 fit"},
        {"version", [](auto& s) { s.version = 0; }, "version", "0 is not in 1..1000000"},
        {"cmvn_short",
         [](auto& s) {
           s.cmvn = Cmvn{std::vector<float>(80), std::vector<float>(79)};
         },
         "cmvn_scale", "79 values, a row has 80"},
    }),
    [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace melstream::engine
