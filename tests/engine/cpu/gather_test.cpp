// DC removal, pre-emphasis, energy and the segment's end, seen through the power spectrum: its values are those of the
// definition in double precision.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/engine/cpu/kernels.hpp"
#include "melstream/engine/tables.hpp"

#include "tests/engine/ticks.hpp"

namespace melstream::engine::cpu {
namespace {

constexpr int kWindow = 403;  // not a multiple of 4
constexpr int kFft = 512;

TransformSpec spec_of(PreEmphasisScope scope, bool remove_dc) {
  TransformSpec spec;
  spec.geometry.window = kWindow;
  spec.geometry.lead = scope == PreEmphasisScope::kSignal ? 1 : 0;
  spec.scale = 32768.0F;
  spec.remove_dc = remove_dc;
  spec.pre_emphasis_scope = scope;
  spec.pre_emphasis = scope == PreEmphasisScope::kNone ? 0.0F : 0.97F;
  spec.window = WindowShape::kHammingSymmetric;
  spec.n_fft = kFft;
  return spec;
}

/// The frame before window and transform, in double. @param x sample 0, x[-1] readable.
std::vector<double> conditioned(const TransformSpec& spec, const float* x, int n_valid, double* energy) {
  double mean = 0.0;
  for (int n = 0; n < kWindow && spec.remove_dc; ++n) mean += x[n] / static_cast<double>(kWindow);
  std::vector<double> y;
  *energy = 0.0;
  for (int n = 0; n < kWindow; ++n) {
    const double now = (x[n] - mean) * spec.scale;
    const bool repeats_first = n == 0 && spec.pre_emphasis_scope == PreEmphasisScope::kFrame;
    const double before = repeats_first ? now : (x[n - 1] - mean) * spec.scale;
    *energy += now * now;
    y.push_back(n < n_valid ? now - static_cast<double>(spec.pre_emphasis) * before : 0.0);
  }
  return y;
}

double power_at(const std::vector<double>& y, int k) {
  double re = 0.0, im = 0.0;
  for (int n = 0; n < kWindow; ++n) {
    const double weight = 0.54 - 0.46 * std::cos(2.0 * std::numbers::pi * n / (kWindow - 1));
    const double angle = 2.0 * std::numbers::pi * (k * n % kFft) / kFft;
    re += y[static_cast<std::size_t>(n)] * weight * std::cos(angle);
    im -= y[static_cast<std::size_t>(n)] * weight * std::sin(angle);
  }
  return re * re + im * im;
}

struct Variant {
  PreEmphasisScope scope;
  bool remove_dc;
  bool wants_energy;
};

void check(const Kernels& kernels, const Variant& variant) {
  Workspace workspace;
  const TransformSpec spec = spec_of(variant.scope, variant.remove_dc);
  const TransformTables tables = transform_tables(spec, kernels.n_lanes);
  std::vector<std::vector<float>> frames;
  FrameGroup group;
  group.wants_energy = variant.wants_energy;
  const bool is_cut = variant.scope == PreEmphasisScope::kSignal;
  group.any_cut = is_cut;
  for (std::size_t lane = 0; lane < static_cast<std::size_t>(kernels.n_lanes); ++lane) {
    frames.push_back(test::made_up_audio(kWindow + 1, static_cast<std::uint32_t>(lane)));
    for (float& sample : frames.back()) sample += 0.25F;  // an offset for DC removal to remove
    group.frames[lane] = frames.back().data() + 1;
    group.n_valid[lane] = is_cut && lane % 2 == 1 ? 200 + static_cast<int>(lane) : kWindow;
  }
  kernels.power(tables, group, workspace);
  const auto n_lanes = static_cast<std::size_t>(kernels.n_lanes);
  for (std::size_t lane = 0; lane < n_lanes; ++lane) {
    double energy = 0.0;
    const auto y = conditioned(spec, group.frames[lane], group.n_valid[lane], &energy);
    if (variant.wants_energy) {
      EXPECT_NEAR(workspace.energy()[lane] / energy, 1.0, 2e-6) << kernels.target;
    }
    double peak = 0.0;
    for (std::size_t k = 0; k <= kFft / 2; ++k) peak = std::max<double>(peak, workspace.power()[k * n_lanes + lane]);
    for (const int k : {0, 1, 2, 17, 100, 255, 256}) {
      const double actual = std::sqrt(workspace.power()[static_cast<std::size_t>(k) * n_lanes + lane]);
      EXPECT_NEAR(actual, std::sqrt(power_at(y, k)), 1e-6 * std::sqrt(peak))
          << kernels.target << " lane " << lane << " bin " << k;
    }
  }
}

TEST(Gather, EqualsTheDefinitionForEveryKindOfFrontEnd) {
  for (const Kernels* kernels : runnable_kernels()) {
    for (const bool remove_dc : {false, true}) {
      for (const bool wants_energy : {false, true}) {
        check(*kernels, {PreEmphasisScope::kNone, remove_dc, wants_energy});
        check(*kernels, {PreEmphasisScope::kFrame, remove_dc, wants_energy});
      }
    }
  }
}

TEST(Gather, PreEmphasisOfTheSignalReadsOneSampleBeforeAndIsZeroBehindTheEnd) {
  for (const Kernels* kernels : runnable_kernels()) check(*kernels, {PreEmphasisScope::kSignal, false, false});
}

}  // namespace
}  // namespace melstream::engine::cpu
