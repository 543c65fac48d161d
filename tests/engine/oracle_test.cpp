// The oracle itself: its transform against the definition, and all of it against the golden data.
#include "tests/support/oracle.hpp"

#include <cmath>
#include <complex>
#include <cstddef>
#include <map>
#include <numbers>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/engine/front_end.hpp"

#include "tests/support/golden.hpp"
#include "tests/support/oracle_spectrum.hpp"
#include "tests/support/recipe.hpp"

namespace melstream::test {
namespace {

TEST(Oracle, TransformsAsTheDefinitionSays) {
  std::mt19937 random(1);
  std::normal_distribution<double> gauss;
  for (const std::size_t n : {1U, 2U, 7U, 30U, 400U, 512U}) {
    std::vector<std::complex<double>> x(n);
    for (auto& v : x) v = {gauss(random), gauss(random)};
    const auto transformed = fourier(x);
    ASSERT_EQ(transformed.size(), n);
    for (std::size_t k = 0; k < n; ++k) {
      std::complex<double> sum;
      for (std::size_t i = 0; i < n; ++i) {
        sum += x[i] * std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(i * k % n) / static_cast<double>(n));
      }
      EXPECT_LT(std::abs(sum - transformed[k]), 1e-11) << "bin " << k << " of " << n;
    }
  }
}

class OracleGoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(OracleGoldenTest, AgreesWithTheGenuineFrontEnd) {
  GoldenSet& set = GoldenSet::instance();
  const Recipe recipe = recipe_of(GetParam());
  const auto front_end = front_end_of(recipe, engine::FrontEndCatalog());
  const auto entries = set.entries_of(GetParam());
  ASSERT_FALSE(entries.empty());
  for (const GoldenEntry* entry : entries) {
    const auto audio = prepared_audio(recipe, set.audio(entry->audio));
    Matrix rows = to_float(oracle_rows(front_end->spec(), recipe.smoothing, audio));
    normalize(recipe, rows);
    const Comparison result = compare(set.values(*entry), rows, entry->tolerance);
    EXPECT_EQ(result.reason, "") << entry->audio;
  }
  for (const std::string& refused : set.refused_audio(GetParam())) {
    const auto audio = prepared_audio(recipe, set.audio(refused));
    EXPECT_EQ(oracle_rows(front_end->spec(), recipe.smoothing, audio).rows, 0U) << refused;
  }
}

INSTANTIATE_TEST_SUITE_P(Presets, OracleGoldenTest, testing::ValuesIn(GoldenSet::instance().presets()),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace melstream::test
