// The built-in front ends. Numbers and sources: tests/golden/README.md section 3. Filled at start, then read by any
// thread.
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "melstream/core/error.hpp"
#include "melstream/core/nearest.hpp"
#include "melstream/engine/front_end.hpp"

namespace melstream::engine {
namespace {

constexpr float kInt16Scale = 32768.0F;
constexpr float kKaldiFloor = 1.1920929e-07F;         // FLT_EPSILON
constexpr float kNemoGuard = 5.9604644775390625e-8F;  // 2^-24

constexpr FrameGeometry kCentred{400, 160, 200, 0, Edge::kReflect, FrameCount::kFloor};
constexpr FrameGeometry kSnipped{400, 160, 0, 0, Edge::kNone, FrameCount::kSnip};
constexpr FrameGeometry kUnsnipped{400, 160, 120, 0, Edge::kSymmetric, FrameCount::kRounded};

/// openai/whisper audio.py log_mel_spectrogram, before normalization.
FrontEndSpec whisper(const char* name, int n_mels) {
  FrontEndSpec spec;
  spec.name = name;
  spec.transform.geometry = kCentred;
  spec.mel.n_mels = n_mels;
  return spec;
}

/// torch.stft or librosa with a linear power mel: engine tests.
FrontEndSpec linear(const char* name, Edge edge, MelScale scale, MelNorm norm) {
  FrontEndSpec spec = whisper(name, 80);
  spec.transform.geometry.edge = edge;
  spec.transform.geometry.count = FrameCount::kFloorPlusOne;
  spec.mel.scale = scale;
  spec.mel.norm = norm;
  spec.log.base = LogBase::kNone;
  return spec;
}

/// Kaldi compute-fbank-feats without dither.
FrontEndSpec kaldi(const char* name, const FrameGeometry& geometry, float scale, double f_max_hz) {
  FrontEndSpec spec;
  spec.name = name;
  spec.transform = {geometry, scale, true, PreEmphasisScope::kFrame, 0.97F, WindowShape::kPovey, 512};
  spec.mel = {80, MelScale::kKaldi, MelNorm::kNone, 20.0, f_max_hz};
  spec.log = {LogBase::kE, LogFloor::kMax, kKaldiFloor};
  return spec;
}

/// FunASR WavFrontend: Kaldi with a Hamming window; LFR stacks frames.
FrontEndSpec funasr(const char* name, LowFrameRate lfr) {
  FrontEndSpec spec = kaldi(name, kSnipped, kInt16Scale, 8000.0);
  spec.transform.window = WindowShape::kHammingSymmetric;
  spec.lfr = lfr;
  return spec;
}

/// Kaldi compute-mfcc-feats without dither.
FrontEndSpec mfcc(const char* name, EnergyTerm energy) {
  FrontEndSpec spec = kaldi(name, kSnipped, kInt16Scale, 8000.0);
  spec.mel.n_mels = 23;
  spec.cepstrum = CepstrumSpec{13, 22.0F, energy};
  return spec;
}

/// NeMo FilterbankFeatures in eval mode, before normalization.
FrontEndSpec nemo(const char* name, int n_mels) {
  FrontEndSpec spec;
  spec.name = name;
  const FrameGeometry geometry{400, 160, 200, 1, Edge::kZeros, FrameCount::kFloor};
  spec.transform = {geometry, 1.0F, false, PreEmphasisScope::kSignal, 0.97F, WindowShape::kHannSymmetric, 512};
  spec.mel.n_mels = n_mels;
  spec.log = {LogBase::kE, LogFloor::kAdd, kNemoGuard};
  return spec;
}

/// Names of the golden set and of other projects for the same numbers.
constexpr std::pair<std::string_view, std::string_view> kAliases[] = {
    {"whisper80", "whisper-80"},
    {"whisper80_raw", "whisper-80"},
    {"whisper128", "whisper-128"},
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
    {"nemo80", "nemo-80"},
    {"nemo80_raw", "nemo-80"},
    {"nemo128", "nemo-128"},
    {"nemo128_raw", "nemo-128"},
    {"mfcc13", "mfcc-13"},
    {"mfcc13_c0", "mfcc-13-c0"},
    {"librosa80", "librosa-80"},
    {"librosa80_power", "librosa-80"},
    {"torchaudio80", "torchaudio-80"},
    {"torchaudio80_power", "torchaudio-80"},
};

/// The name that an alias stands for, else the name itself.
std::string_view resolve_alias(std::string_view name) {
  for (const auto& [alias, target] : kAliases) {
    if (alias == name) return target;
  }
  return name;
}

}  // namespace

FrontEndCatalog::FrontEndCatalog() {
  add(whisper("whisper-80", 80));
  add(whisper("whisper-128", 128));
  add(kaldi("kaldi-80", kUnsnipped, 1.0F, 7600.0));
  add(kaldi("kaldi-80-hf0", kUnsnipped, 1.0F, 8000.0));
  add(kaldi("kaldi-80-int16", kUnsnipped, kInt16Scale, 7600.0));
  add(kaldi("wenet-80", kSnipped, kInt16Scale, 8000.0));
  add(funasr("funasr-80", {}));
  add(funasr("paraformer-560", {7, 6}));
  add(nemo("nemo-80", 80));
  add(nemo("nemo-128", 128));
  add(mfcc("mfcc-13", EnergyTerm::kRawEnergy));
  add(mfcc("mfcc-13-c0", EnergyTerm::kCepstrum));
  add(linear("librosa-80", Edge::kZeros, MelScale::kSlaney, MelNorm::kSlaney));
  add(linear("torchaudio-80", Edge::kReflect, MelScale::kHtk, MelNorm::kNone));
}

void FrontEndCatalog::add(FrontEndSpec spec) {
  const std::string_view target = resolve_alias(spec.name);
  const bool taken = target != spec.name || std::any_of(front_ends_.begin(), front_ends_.end(),
                                                        [&](const auto& known) { return known->name() == spec.name; });
  if (taken) {
    throw core::Error(core::ErrorCode::kAlreadyExists,
                      "front end '" + spec.name + "' is already defined: choose another name", "name");
  }
  front_ends_.push_back(std::make_shared<const FrontEnd>(std::move(spec)));
}

std::shared_ptr<const FrontEnd> FrontEndCatalog::find(std::string_view name) const {
  const std::string_view target = resolve_alias(name);
  for (const auto& front_end : front_ends_) {
    if (front_end->name() == target) return front_end;
  }
  std::vector<std::string_view> names;
  std::string listed;
  for (const auto& front_end : front_ends_) {
    names.emplace_back(front_end->name());
    listed.append(listed.empty() ? "" : ", ").append(front_end->name());
  }
  constexpr std::size_t kShown = 64;
  const std::string shown(name.substr(0, kShown));
  throw core::Error(core::ErrorCode::kNotFound,
                    "unknown front end '" + shown + "'" + core::did_you_mean(name, names) + "; known: " + listed,
                    "front_end");
}

std::shared_ptr<const FrontEnd> FrontEndCatalog::with_cmvn(std::string_view name, Cmvn cmvn) const {
  const auto front_end = find(name);
  const auto refuse = [&](const std::string& why) {
    throw core::Error(core::ErrorCode::kInvalidArgument, "cmvn for front end '" + front_end->name() + "': " + why,
                      "cmvn");
  };
  const auto n_bins = static_cast<std::size_t>(front_end->n_bins());
  if (front_end->spec().cmvn) refuse("it has one of its own");
  if (cmvn.shift.size() != n_bins || cmvn.scale.size() != n_bins) {
    refuse(std::to_string(cmvn.shift.size()) + " shifts and " + std::to_string(cmvn.scale.size()) +
           " scales, a row has " + std::to_string(n_bins) + " bins");
  }
  FrontEndSpec spec = front_end->spec();
  spec.cmvn = std::move(cmvn);
  try {
    return std::make_shared<const FrontEnd>(std::move(spec));
  } catch (const core::Error& error) {  // a value that is not finite: the request's field is cmvn
    throw core::Error(error.code(), error.what(), "cmvn");
  }
}

}  // namespace melstream::engine
