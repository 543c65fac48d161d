// The CUDA engine on an emulated device against the golden data, whole clips.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/cuda/emulated_cuda.hpp"
#include "tests/support/extract.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/recipe.hpp"

namespace melstream::test {
namespace {

class CudaGoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(CudaGoldenTest, AgreesWithTheGenuineFrontEnd) {
  GoldenSet& set = GoldenSet::instance();
  const Recipe recipe = recipe_of(GetParam());
  const auto entries = set.entries_of(GetParam());
  ASSERT_FALSE(entries.empty());
  EmulatedCuda machine;
  const auto cuda = machine.make();
  const auto prepared = cuda->prepare(front_end_of(recipe, engine::FrontEndCatalog()), recipe.smoothing);
  for (const GoldenEntry* entry : entries) {
    Matrix rows = whole_clip(*cuda, *prepared, prepared_audio(recipe, set.audio(entry->audio)));
    normalize(recipe, rows);
    EXPECT_EQ(compare(set.values(*entry), rows, entry->tolerance).reason, "") << entry->audio;
  }
}

INSTANTIATE_TEST_SUITE_P(Presets, CudaGoldenTest, testing::ValuesIn(GoldenSet::instance().presets()),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace melstream::test
