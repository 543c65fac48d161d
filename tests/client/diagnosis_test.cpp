// Each heuristic on a mistake of its kind, made in golden speech.
#include "client/diagnosis.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "client/npy.hpp"
#include "client/tolerance_table.hpp"

namespace melstream::client {
namespace {

using Cause = Diagnosis::Cause;

class DiagnosisTest : public testing::Test {
 protected:
  Diagnosis of(const FeatureMatrix& actual) const {
    return diagnose(actual, reference_, tolerance_, compare_matrices(actual, reference_, tolerance_));
  }
  float& cell(FeatureMatrix& matrix, std::int64_t frame, int bin) const {
    return matrix.values[static_cast<std::size_t>(frame * matrix.bins + bin)];
  }

  FeatureMatrix reference_ = read_npy(MELSTREAM_GOLDEN_DIR "/features/kaldi80/espeak.npy");
  Tolerance tolerance_ = *speech_tolerance("kaldi80");
};

TEST_F(DiagnosisTest, EqualMatricesHaveNoCause) { EXPECT_EQ(of(reference_).cause, Cause::kNone); }

TEST_F(DiagnosisTest, OnlyTheFirstFrames) {
  FeatureMatrix actual = reference_;
  for (int bin = 0; bin < actual.bins; ++bin) cell(actual, 0, bin) += 0.5f;
  const Diagnosis found = of(actual);
  EXPECT_EQ(found.cause, Cause::kEdge);
  EXPECT_NE(found.text.find("only the first frames"), std::string::npos) << found.text;
}

TEST_F(DiagnosisTest, OnlyTheLastFrames) {
  FeatureMatrix actual = reference_;
  for (int bin = 0; bin < actual.bins; ++bin) cell(actual, actual.frames() - 1, bin) -= 0.5f;
  const Diagnosis found = of(actual);
  EXPECT_EQ(found.cause, Cause::kEdge);
  EXPECT_NE(found.text.find("only the last frames"), std::string::npos) << found.text;
}

TEST_F(DiagnosisTest, AnotherNumberOfFrames) {
  FeatureMatrix actual = reference_;
  actual.values.resize(actual.values.size() - 80);
  EXPECT_EQ(of(actual).cause, Cause::kEdge);
}

TEST_F(DiagnosisTest, SamplesOfTheWrongRange) {
  // int16 range instead of +-1: power 2^30 times as large, while the floor stays where it is.
  FeatureMatrix actual = reference_;
  const float floor = std::log(1.1920929e-07f);
  for (float& value : actual.values) {
    if (value > floor + 1) value += 2 * std::log(32768.0f);
  }
  const Diagnosis found = of(actual);
  EXPECT_EQ(found.cause, Cause::kScale);
  EXPECT_NE(found.text.find("int16-range samples where +-1 is meant"), std::string::npos) << found.text;
}

TEST_F(DiagnosisTest, AnotherLogarithm) {
  FeatureMatrix actual = reference_;
  for (float& value : actual.values) value /= std::log(10.0f);
  const Diagnosis found = of(actual);
  EXPECT_EQ(found.cause, Cause::kScale);
  EXPECT_NE(found.text.find("log10 where the natural logarithm is meant"), std::string::npos) << found.text;
}

TEST_F(DiagnosisTest, LinearPowerOfTheWrongScale) {
  tolerance_ = *speech_tolerance("librosa80_power");
  reference_ = read_npy(MELSTREAM_GOLDEN_DIR "/features/librosa80_power/espeak.npy");
  FeatureMatrix actual = reference_;
  for (float& value : actual.values) value *= 4;
  const Diagnosis found = of(actual);
  EXPECT_EQ(found.cause, Cause::kScale);
  EXPECT_NE(found.text.find("amplitude is 2 times"), std::string::npos) << found.text;
}

TEST_F(DiagnosisTest, OnlyTheFloor) {
  FeatureMatrix actual = reference_;
  const float low = *std::min_element(actual.values.begin(), actual.values.end());
  int n_changed = 0;
  for (float& value : actual.values) {
    if (value < low + 0.5f) {
      value -= 2;
      ++n_changed;
    }
  }
  ASSERT_GT(n_changed, 0);
  EXPECT_EQ(of(actual).cause, Cause::kFloor);
}

TEST_F(DiagnosisTest, DifferencesAllOverAreTheWindow) {
  FeatureMatrix actual = reference_;
  for (std::size_t i = 0; i < actual.values.size(); ++i) actual.values[i] += 0.3f * std::sin(static_cast<float>(i));
  EXPECT_EQ(of(actual).cause, Cause::kWindow);
}

TEST_F(DiagnosisTest, NanIsNamed) {
  FeatureMatrix actual = reference_;
  actual.values[100] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(of(actual).cause, Cause::kNotFinite);
}

TEST_F(DiagnosisTest, TransposedIsNamed) {
  FeatureMatrix actual = reference_;
  actual.bins = static_cast<int>(reference_.frames());
  const Diagnosis found = of(actual);
  EXPECT_EQ(found.cause, Cause::kShape);
  EXPECT_NE(found.text.find("transposed"), std::string::npos) << found.text;
}

TEST_F(DiagnosisTest, TooFewFramesProveNoEdge) {
  reference_.values.resize(5 * 80);
  FeatureMatrix actual = reference_;
  for (std::size_t i = 0; i < 80; ++i) actual.values[i] += 0.3f * std::sin(static_cast<float>(i));
  EXPECT_NE(of(actual).cause, Cause::kEdge);
}

}  // namespace
}  // namespace melstream::client
