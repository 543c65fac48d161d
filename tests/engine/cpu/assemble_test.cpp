#include "melstream/engine/cpu/assemble.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/ticks.hpp"

namespace melstream::engine::cpu {
namespace {

CpuPrepared prepared(const std::shared_ptr<const FrontEnd>& front_end, Smoothing smoothing) {
  return {front_end, smoothing,
          std::make_shared<const TransformTables>(transform_tables(front_end->spec().transform, 4)), 4};
}

/// The mean of the cells of a 3x3 box that exist.
double mean_around(const std::vector<float>& base, std::int64_t n_frames, std::int64_t n_bins, std::int64_t t,
                   std::int64_t m) {
  double sum = 0.0;
  int n = 0;
  for (std::int64_t i = std::max<std::int64_t>(0, t - 1); i <= std::min(n_frames - 1, t + 1); ++i) {
    for (std::int64_t j = std::max<std::int64_t>(0, m - 1); j <= std::min(n_bins - 1, m + 1); ++j, ++n) {
      sum += base[static_cast<std::size_t>(i * n_bins + j)];
    }
  }
  return sum / n;
}

TEST(Assemble, SmoothingIsTheMeanOfTheCellsThatExist) {
  const auto whisper = FrontEndCatalog().find("whisper-80");
  const CpuPrepared same = prepared(whisper, Smoothing::kBox3x3);
  const CpuPrepared valid = prepared(whisper, Smoothing::kBox3x3Valid);
  for (const std::int64_t n_frames : {1, 2, 3, 5}) {
    const std::vector<float> base = test::made_up_audio(static_cast<std::size_t>(n_frames) * 80, 3);
    const BaseRows rows{base.data(), 0, n_frames};
    std::vector<float> out(80);
    for (std::int64_t t = 0; t < n_frames; ++t) {
      const float largest = assemble_row(same, rows, t, out.data());
      for (std::int64_t m = 0; m < 80; ++m) {
        EXPECT_NEAR(out[static_cast<std::size_t>(m)], mean_around(base, n_frames, 80, t, m), 2e-7) << t << ' ' << m;
      }
      EXPECT_EQ(largest, *std::max_element(out.begin(), out.end()));
    }
    for (std::int64_t row = 0; row + 2 < n_frames; ++row) {
      const float largest = assemble_row(valid, rows, row, out.data());
      for (std::int64_t m = 0; m < 78; ++m) {
        EXPECT_NEAR(out[static_cast<std::size_t>(m)], mean_around(base, n_frames, 80, row + 1, m + 1), 2e-7)
            << row << ' ' << m;
      }
      EXPECT_EQ(largest, *std::max_element(out.begin(), out.begin() + 78));
    }
  }
}

TEST(Assemble, StackingRepeatsTheFirstAndTheLastFrame) {
  const CpuPrepared stacked = prepared(FrontEndCatalog().find("paraformer-560"), Smoothing::kNone);
  constexpr std::int64_t kFrames = 8;
  const std::vector<float> base = test::made_up_audio(kFrames * 80, 4);
  std::vector<float> out(560);
  for (std::int64_t row = 0; row < 2; ++row) {
    const float largest = assemble_row(stacked, {base.data(), 0, kFrames}, row, out.data());
    for (std::int64_t i = 0; i < 560; ++i) {
      const std::int64_t frame = std::clamp<std::int64_t>(6 * row - 3 + i / 80, 0, kFrames - 1);
      EXPECT_EQ(out[static_cast<std::size_t>(i)], base[static_cast<std::size_t>(frame * 80 + i % 80)]);
    }
    EXPECT_EQ(largest, *std::max_element(out.begin(), out.end()));
  }
}

TEST(Assemble, CmvnShiftsThenScales) {
  Cmvn cmvn{std::vector<float>(560), std::vector<float>(560)};
  for (std::size_t i = 0; i < 560; ++i) {
    cmvn.shift[i] = static_cast<float>(i) / 8.0F;
    cmvn.scale[i] = i % 2 == 0 ? 0.5F : -2.0F;
  }
  const CpuPrepared normalised = prepared(FrontEndCatalog().with_cmvn("paraformer-560", cmvn), Smoothing::kNone);
  const std::vector<float> base(std::size_t{4} * 80, 1.0F);
  std::vector<float> out(560);
  (void)assemble_row(normalised, {base.data(), 0, 4}, 0, out.data());
  for (std::size_t i = 0; i < 560; ++i) EXPECT_EQ(out[i], (1.0F + cmvn.shift[i]) * cmvn.scale[i]);
}

}  // namespace
}  // namespace melstream::engine::cpu
