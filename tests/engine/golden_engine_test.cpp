// The CPU engine, each of its instruction targets, against the golden data: whole clips, and streamed in any chunks.
#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/engine/cpu/cpu_engine.hpp"

#include "tests/engine/requests.hpp"
#include "tests/support/extract.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/recipe.hpp"

namespace melstream::test {
namespace {

class GoldenEngineTest : public testing::TestWithParam<std::string> {};

TEST_P(GoldenEngineTest, EveryTargetAgreesWithTheGenuineFrontEnd) {
  GoldenSet& set = GoldenSet::instance();
  const Recipe recipe = recipe_of(GetParam());
  const auto front_end = front_end_of(recipe, engine::FrontEndCatalog());
  const auto entries = set.entries_of(GetParam());
  ASSERT_FALSE(entries.empty());
  ASSERT_FALSE(engine::cpu::targets().empty());
  for (const std::string& target : engine::cpu::targets()) {
    const auto instance = engine::cpu::make_engine({target, 1, {}});
    const auto prepared = instance.engine->prepare(front_end, recipe.smoothing);
    for (const GoldenEntry* entry : entries) {
      const auto audio = prepared_audio(recipe, set.audio(entry->audio));
      Matrix rows = whole_clip(*instance.engine, *prepared, audio);
      normalize(recipe, rows);
      const Comparison result = compare(set.values(*entry), rows, entry->tolerance);
      EXPECT_EQ(result.reason, "") << target << ", " << entry->audio;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Presets, GoldenEngineTest, testing::ValuesIn(GoldenSet::instance().presets()),
                         [](const auto& tested) { return tested.param; });

class StreamingTest : public testing::TestWithParam<std::string> {};

TEST_P(StreamingTest, AnyChunkingGivesTheBitsOfTheWholeClip) {
  GoldenSet& set = GoldenSet::instance();
  const Recipe recipe = recipe_of(GetParam());
  const auto front_end = front_end_of(recipe, engine::FrontEndCatalog());
  for (const std::string& target : engine::cpu::targets()) {
    const auto instance = engine::cpu::make_engine({target, 1, {}});
    const auto prepared = instance.engine->prepare(front_end, recipe.smoothing);
    for (const GoldenEntry* entry : set.entries_of(GetParam())) {
      const auto audio = prepared_audio(recipe, set.audio(entry->audio));
      const Matrix whole = whole_clip(*instance.engine, *prepared, audio);
      for (const auto& chunk_sizes : chunkings()) {
        // NaN would compare unequal: a row that read beyond its samples fails here.
        EXPECT_TRUE(streamed_clip(*instance.engine, *prepared, audio, chunk_sizes) == whole)
            << target << ", " << entry->audio << ", chunks of " << chunk_sizes.front();
      }
    }
  }
}

/// Those of the golden presets whose rows differ before normalization.
std::vector<std::string> streamed_presets() {
  return {"whisper80_raw",      "whisper128_raw",    "smooth3x3_same", "smooth3x3_valid", "kaldi80",
          "kaldi80_hf0",        "kaldi80_int16",     "wenet80",        "funasr80",        "paraformer560",
          "paraformer560_cmvn", "nemo80_raw",        "nemo128_raw",    "mfcc13",          "mfcc13_c0",
          "librosa80_power",    "torchaudio80_power"};
}

INSTANTIATE_TEST_SUITE_P(Presets, StreamingTest, testing::ValuesIn(streamed_presets()),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace melstream::test
