#include "client/golden.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "client/npy.hpp"
#include "client/recipes.hpp"
#include "client/tolerance_table.hpp"
#include "tests/client/expect_error.hpp"
#include "tests/client/temp_folder.hpp"

namespace melstream::client {
namespace {

const GoldenSet& golden() {
  static const GoldenSet set = load_golden(MELSTREAM_GOLDEN_DIR);
  return set;
}

TEST(Golden, ManifestIsReadWhole) {
  std::set<std::string> presets;
  for (const auto& entry : golden().entries) presets.insert(entry.preset);
  EXPECT_EQ(presets.size(), 22u);
  EXPECT_EQ(golden().refusals.size(), 49u);
  const GoldenEntry* jfk = golden().find("whisper80_raw", "jfk");
  ASSERT_NE(jfk, nullptr);
  EXPECT_EQ(jfk->frames, 1100);
  EXPECT_EQ(jfk->bins, 80);
  EXPECT_EQ(jfk->tolerance.kind, Tolerance::Kind::kLog);
  EXPECT_EQ(jfk->tolerance.base, 10);
  EXPECT_EQ(jfk->tolerance.mean_atol, 1.7e-05);
  EXPECT_EQ(golden().find("whisper80_raw", "short1"), nullptr);
}

TEST(Golden, EveryEntryMatchesItself) {
  for (const auto& entry : golden().entries) {
    const FeatureMatrix matrix = read_npy(entry.features_path);
    ASSERT_EQ(matrix.frames(), entry.frames) << entry.features_path;
    ASSERT_EQ(matrix.bins, entry.bins) << entry.features_path;
    ASSERT_TRUE(compare_matrices(matrix, matrix, entry.tolerance).matches()) << entry.features_path;
  }
}

TEST(Golden, EveryPresetHasARecipe) {
  for (const auto& entry : golden().entries) {
    const Recipe* recipe = find_recipe(entry.preset);
    ASSERT_NE(recipe, nullptr) << entry.preset;
    EXPECT_EQ(recipe->preset, entry.preset);
  }
}

/// Presets that share their numbers: "mfcc13_c0" and "mfcc13" are of one kind.
std::string kind_of(const std::string& preset) {
  for (const char* kind : {"whisper80_norm", "whisper128_norm"}) {
    if (preset.rfind(kind, 0) == 0) return "whisper_norm";
  }
  for (const char* kind : {"nemo80_norm", "nemo128_norm"}) {
    if (preset == kind) return "nemo_norm";
  }
  for (const char* kind : {"mfcc13", "smooth3x3"}) {
    if (preset.rfind(kind, 0) == 0) return kind;
  }
  return preset;
}

TEST(Golden, SpeechTolerancesAreThoseOfTheManifest) {
  std::map<std::string, Tolerance> largest;
  for (const auto& entry : golden().entries) {
    if (entry.clip != "jfk" && entry.clip != "espeak") continue;
    Tolerance& bound = largest.emplace(kind_of(entry.preset), entry.tolerance).first->second;
    bound.atol = std::max(bound.atol, entry.tolerance.atol);
    bound.rtol = std::max(bound.rtol, entry.tolerance.rtol);
    bound.lam = std::max(bound.lam, entry.tolerance.lam);
    bound.kappa = std::max(bound.kappa, entry.tolerance.kappa);
    bound.mean_atol = std::max(bound.mean_atol, entry.tolerance.mean_atol);
  }
  for (const auto& entry : golden().entries) {
    const auto actual = speech_tolerance(entry.preset);
    ASSERT_TRUE(actual.has_value()) << entry.preset;
    const Tolerance& expected = largest.at(kind_of(entry.preset));
    EXPECT_EQ(actual->kind, expected.kind) << entry.preset;
    EXPECT_EQ(actual->atol, expected.atol) << entry.preset;
    EXPECT_EQ(actual->rtol, expected.rtol) << entry.preset;
    EXPECT_EQ(actual->lam, expected.lam) << entry.preset;
    EXPECT_EQ(actual->kappa, expected.kappa) << entry.preset;
    if (actual->kind == Tolerance::Kind::kLog) {
      EXPECT_EQ(actual->base, expected.base) << entry.preset;
      EXPECT_EQ(actual->group, expected.group) << entry.preset;
    }
    if (actual->kind == Tolerance::Kind::kAbsolute) {
      EXPECT_EQ(actual->mean_atol, expected.mean_atol) << entry.preset;
    }
  }
}

TEST(Golden, RefusesAFolderWithoutASet) {
  const TempFolder folder;
  expect_error(ExitCode::kInput, {"--golden"}, [&] { find_golden_folder(folder.path("none")); });
  folder.write("manifest.json", "{\"entries\": [{}]}");
  expect_error(ExitCode::kInput, {"manifest"}, [&] { load_golden(folder.path(".")); });
  folder.write("manifest.json", "not JSON");
  expect_error(ExitCode::kInput, {"not JSON"}, [&] { load_golden(folder.path(".")); });
}

TEST(Recipes, NamesOfTheDaemonMeanThemselves) {
  const Recipe* recipe = find_recipe("whisper-80");
  ASSERT_NE(recipe, nullptr);
  EXPECT_EQ(recipe->preset, "whisper80_raw");
  EXPECT_EQ(find_recipe("kaldi-80-hf0")->preset, "kaldi80_hf0");
  EXPECT_EQ(find_recipe("my-own"), nullptr);
  EXPECT_EQ(resolve_front_end("my-own"), "my-own");
  EXPECT_EQ(resolve_front_end("sherpa80"), "kaldi-80");
}

TEST(Recipes, OptionsOfTheGoldenNames) {
  EXPECT_EQ(find_recipe("whisper128_norm")->normalization, v1::NORMALIZATION_WHISPER_WINDOW);
  EXPECT_EQ(find_recipe("whisper80_norm30s")->pad_to_seconds, 30);
  EXPECT_EQ(find_recipe("parakeet80")->normalization, v1::NORMALIZATION_PER_FEATURE_WINDOW);
  EXPECT_EQ(find_recipe("parakeet80")->front_end, "nemo-80");
  EXPECT_EQ(find_recipe("smooth3x3_same")->smoothing, v1::SMOOTHING_BOX3X3);
  EXPECT_EQ(find_recipe("smooth3x3_valid")->smoothing, v1::SMOOTHING_BOX3X3_VALID);
  EXPECT_TRUE(find_recipe("sensevoice560_cmvn")->cmvn);
  EXPECT_FALSE(find_recipe("sensevoice560")->cmvn);
}

}  // namespace
}  // namespace melstream::client
