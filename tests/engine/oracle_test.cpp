// The oracle itself: its transform against the definition, and all of it against the golden data.
#include "tests/support/oracle.hpp"

#include <cmath>
#include <complex>
#include <cstddef>
#include <functional>
#include <numbers>
#include <random>
#include <string>
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

// ---- the tolerance rule: it lets rounding pass and sees mistakes

Matrix golden_espeak(const char* preset, Tolerance* tolerance) {
  GoldenSet& set = GoldenSet::instance();
  for (const GoldenEntry* entry : set.entries_of(preset)) {
    if (entry->audio != "espeak") continue;
    *tolerance = entry->tolerance;
    return set.values(*entry);
  }
  ADD_FAILURE() << preset << " has no espeak";
  return {};
}

struct Mistake {
  const char* name;
  const char* preset;
  std::function<void(engine::FrontEndSpec&)> make;
};

class MistakeTest : public testing::TestWithParam<Mistake> {};

TEST_P(MistakeTest, IsBeyondTheTolerance) {
  Tolerance tolerance;
  const Matrix golden = golden_espeak(GetParam().preset, &tolerance);
  engine::FrontEndSpec spec = engine::FrontEndCatalog().find(GetParam().preset)->spec();
  GetParam().make(spec);
  const Matrix rows = to_float(oracle_rows(spec, engine::Smoothing::kNone, GoldenSet::instance().audio("espeak")));
  const Comparison result = compare(golden, rows, tolerance);
  EXPECT_NE(result.reason, "");
  EXPECT_GT(result.worst, 2.0);
}

INSTANTIATE_TEST_SUITE_P(
    Mistakes, MistakeTest,
    testing::ValuesIn(std::vector<Mistake>{
        {"symmetric_window", "whisper80_raw",
         [](auto& s) { s.transform.window = engine::WindowShape::kHannSymmetric; }},
        {"zeros_at_the_edges", "whisper80_raw", [](auto& s) { s.transform.geometry.edge = engine::Edge::kZeros; }},
        {"edge_repeated", "whisper80_raw", [](auto& s) { s.transform.geometry.edge = engine::Edge::kSymmetric; }},
        {"scale_32767", "whisper80_raw", [](auto& s) { s.transform.scale = 32768.0F / 32767.0F; }},
        {"log_floor", "whisper80_raw", [](auto& s) { s.log.floor_value = 1e-9F; }},
        {"htk_mel", "whisper80_raw", [](auto& s) { s.mel.scale = engine::MelScale::kHtk; }},
        {"no_dc_removal", "kaldi80", [](auto& s) { s.transform.remove_dc = false; }},
        {"pre_emphasis", "kaldi80", [](auto& s) { s.transform.pre_emphasis = 0.95F; }},
        {"hamming", "kaldi80", [](auto& s) { s.transform.window = engine::WindowShape::kHammingSymmetric; }},
        {"high_frequency", "kaldi80", [](auto& s) { s.mel.f_max_hz = 8000.0; }},
        {"floor_for_guard", "nemo80_raw", [](auto& s) { s.log.floor = engine::LogFloor::kMax; }},
        {"lifter", "mfcc13", [](auto& s) { s.cepstrum->lifter = 0.0F; }},
        {"energy", "mfcc13", [](auto& s) { s.cepstrum->energy = engine::EnergyTerm::kCepstrum; }},
    }),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(Tolerance, CountsRowsAndSeesWhatIsNotFinite) {
  const Tolerance abs{Tolerance::Rule::kAbs, 10.0, 0, 0.5, 0.0, 0.0, 0.0, {}};
  const Matrix golden{2, 2, {1.0F, 2.0F, 3.0F, 4.0F}};
  EXPECT_EQ(compare(golden, golden, abs).reason, "");
  EXPECT_EQ(compare(golden, {2, 2, {1.5F, 2.0F, 3.0F, 3.5F}}, abs).reason, "");
  EXPECT_EQ(compare(golden, {2, 2, {1.0F, 2.0F, 3.0F, 3.25F}}, abs).worst, 1.5);
  EXPECT_EQ(compare(golden, {1, 2, {1.0F, 2.0F}}, abs).reason, "[1, 2], expected [2, 2]");
  EXPECT_NE(compare(golden, {2, 2, {1.0F, 2.0F, 3.0F, NAN}}, abs).reason, "");
  Tolerance with_mean = abs;
  with_mean.mean_atol = 0.05;
  EXPECT_NE(compare(golden, {2, 2, {1.25F, 2.0F, 3.0F, 4.0F}}, with_mean).reason, "");
}

TEST(Tolerance, FollowsItsFormulas) {
  // README section 4 by hand: peak 0, neighbours of -2 are 0 and -4.
  const Matrix golden{1, 3, {0.0F, -2.0F, -4.0F}};
  const Tolerance log{Tolerance::Rule::kLog, 10.0, 3, 1e-3, 0.0, 1e-4, 1e-2, {}};
  const auto allowed = cell_tolerances(golden, log);
  EXPECT_DOUBLE_EQ(allowed[0], 1e-3 + 1e-4 * 0.01 + 1e-2);
  EXPECT_DOUBLE_EQ(allowed[1], 1e-3 + 1e-4 * 100 + 1e-2 * 10);
  EXPECT_DOUBLE_EQ(allowed[2], 1e-3 + 1e-4 * 100 + 1e-2 * 100);
  const Matrix power{1, 2, {4.0F, 1.0F}};
  const Tolerance linear{Tolerance::Rule::kLinear, 10.0, 0, 0.0, 1e-3, 1e-4, 1e-2, {}};
  const auto of_power = cell_tolerances(power, linear);
  EXPECT_DOUBLE_EQ(of_power[0], 1e-3 * 4 + 1e-4 * 1 + 1e-2 * 4 + 1e-4 * 4 + 1e-30);
  EXPECT_DOUBLE_EQ(of_power[1], 1e-3 * 1 + 1e-4 * 4 + 1e-2 * 2 + 1e-4 * 4 + 1e-30);
}

}  // namespace
}  // namespace melstream::test
