#include "client/recipes.hpp"

#include <array>

namespace melstream::client {
namespace {

constexpr auto kPlain = v1::SMOOTHING_NONE;
constexpr auto kSame = v1::SMOOTHING_BOX3X3;
constexpr auto kValid = v1::SMOOTHING_BOX3X3_VALID;
constexpr auto kRaw = v1::NORMALIZATION_NONE;
constexpr auto kWhisper = v1::NORMALIZATION_WHISPER_WINDOW;
constexpr auto kPerFeature = v1::NORMALIZATION_PER_FEATURE_WINDOW;

constexpr std::array<Recipe, 30> kRecipes = {{
    {"whisper80_raw", "whisper80_raw", "whisper-80", kPlain, kRaw, 0, false},
    {"whisper80_norm", "whisper80_norm", "whisper-80", kPlain, kWhisper, 0, false},
    {"whisper128_raw", "whisper128_raw", "whisper-128", kPlain, kRaw, 0, false},
    {"whisper128_norm", "whisper128_norm", "whisper-128", kPlain, kWhisper, 0, false},
    {"whisper80_norm30s", "whisper80_norm30s", "whisper-80", kPlain, kWhisper, 30, false},
    {"kaldi80", "kaldi80", "kaldi-80", kPlain, kRaw, 0, false},
    {"kaldi80_hf0", "kaldi80_hf0", "kaldi-80-hf0", kPlain, kRaw, 0, false},
    {"kaldi80_int16", "kaldi80_int16", "kaldi-80-int16", kPlain, kRaw, 0, false},
    {"wenet80", "wenet80", "wenet-80", kPlain, kRaw, 0, false},
    {"funasr80", "funasr80", "funasr-80", kPlain, kRaw, 0, false},
    {"paraformer560", "paraformer560", "paraformer-560", kPlain, kRaw, 0, false},
    {"paraformer560_cmvn", "paraformer560_cmvn", "paraformer-560", kPlain, kRaw, 0, true},
    {"nemo80_raw", "nemo80_raw", "nemo-80", kPlain, kRaw, 0, false},
    {"nemo80_norm", "nemo80_norm", "nemo-80", kPlain, kPerFeature, 0, false},
    {"nemo128_raw", "nemo128_raw", "nemo-128", kPlain, kRaw, 0, false},
    {"nemo128_norm", "nemo128_norm", "nemo-128", kPlain, kPerFeature, 0, false},
    {"mfcc13", "mfcc13", "mfcc-13", kPlain, kRaw, 0, false},
    {"mfcc13_c0", "mfcc13_c0", "mfcc-13-c0", kPlain, kRaw, 0, false},
    {"librosa80_power", "librosa80_power", "librosa-80", kPlain, kRaw, 0, false},
    {"torchaudio80_power", "torchaudio80_power", "torchaudio-80", kPlain, kRaw, 0, false},
    {"smooth3x3_valid", "smooth3x3_valid", "whisper-80", kValid, kRaw, 0, false},
    {"smooth3x3_same", "smooth3x3_same", "whisper-80", kSame, kRaw, 0, false},
    {"sensevoice560", "paraformer560", "paraformer-560", kPlain, kRaw, 0, false},
    {"sensevoice560_cmvn", "paraformer560_cmvn", "paraformer-560", kPlain, kRaw, 0, true},
    {"sherpa80", "kaldi80", "kaldi-80", kPlain, kRaw, 0, false},
    {"icefall80", "kaldi80", "kaldi-80", kPlain, kRaw, 0, false},
    {"parakeet80", "nemo80_norm", "nemo-80", kPlain, kPerFeature, 0, false},
    {"parakeet128", "nemo128_norm", "nemo-128", kPlain, kPerFeature, 0, false},
    {"librosa80", "librosa80_power", "librosa-80", kPlain, kRaw, 0, false},
    {"torchaudio80", "torchaudio80_power", "torchaudio-80", kPlain, kRaw, 0, false},
}};

bool is_plain(const Recipe& recipe) noexcept {
  return recipe.smoothing == kPlain && recipe.normalization == kRaw && !recipe.cmvn;
}

}  // namespace

std::span<const Recipe> recipes() noexcept { return kRecipes; }

const Recipe* find_recipe(std::string_view name) noexcept {
  for (const Recipe& recipe : kRecipes) {
    if (recipe.name == name) return &recipe;
  }
  for (const Recipe& recipe : kRecipes) {
    if (recipe.front_end == name && is_plain(recipe)) return &recipe;
  }
  return nullptr;
}

std::string resolve_front_end(const std::string& name) {
  const Recipe* recipe = find_recipe(name);
  return recipe == nullptr ? name : std::string(recipe->front_end);
}

}  // namespace melstream::client
