// Front ends that users define, against the oracle: other hops, windows, transforms, filters, edges, stackings.
#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/engine/cpu/cpu_engine.hpp"

#include "tests/engine/custom_specs.hpp"
#include "tests/support/extract.hpp"
#include "tests/support/oracle.hpp"

namespace melstream::test {
namespace {

using engine::FrontEnd;
using engine::FrontEndSpec;
using engine::Smoothing;

/// Every target, whole and streamed, against the oracle on one clip.
void expect_oracle(const std::shared_ptr<const FrontEnd>& front_end, Smoothing smoothing,
                   const std::vector<float>& clip) {
  const Matrix expected = to_float(oracle_rows(front_end->spec(), smoothing, clip));
  for (const std::string& target : engine::cpu::targets()) {
    SCOPED_TRACE(target + ", " + std::to_string(clip.size()) + " samples\n" + front_end->canonical_text());
    const auto instance = engine::cpu::make_engine({target, 1, {}});
    const auto prepared = instance.engine->prepare(front_end, smoothing);
    const Matrix whole = whole_clip(*instance.engine, *prepared, clip);
    EXPECT_EQ(compare(expected, whole, float_tolerance(front_end->spec())).reason, "");
    const std::size_t chunk_sizes[] = {333};
    EXPECT_TRUE(streamed_clip(*instance.engine, *prepared, clip, chunk_sizes) == whole);
  }
}

void expect_oracle(const FrontEndSpec& spec) {
  const auto front_end = std::make_shared<const FrontEnd>(spec);
  for (const std::size_t n_samples : {std::size_t{4'000}, std::size_t{777}, std::size_t{90}}) {
    const std::vector<float> clip = speech_in_noise(n_samples);
    expect_oracle(front_end, Smoothing::kNone, clip);
    if (front_end->allows_smoothing()) expect_oracle(front_end, Smoothing::kBox3x3, clip);
  }
}

class CustomFrontEndTest : public testing::TestWithParam<FrontEndSpec> {};

TEST_P(CustomFrontEndTest, AgreesWithTheOracle) { expect_oracle(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Definitions, CustomFrontEndTest, testing::ValuesIn(custom_specs()),
                         [](const auto& tested) { return tested.param.name; });

TEST(RandomFrontEnds, AgreeWithTheOracle) {
  std::mt19937 random(2024);
  for (int i = 0; i < 40; ++i) expect_oracle(random_spec(random));
}

}  // namespace
}  // namespace melstream::test
