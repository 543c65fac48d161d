// Power spectra of every transform against the definition in double precision.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/engine/cpu/kernels.hpp"

#include "tests/engine/ticks.hpp"

namespace melstream::engine::cpu {
namespace {

bool is_smooth(int n) {
  for (const int prime : {2, 3, 5}) {
    while (n % prime == 0) n /= prime;
  }
  return n == 1;
}

/// |sum of x[n] hann[n] exp(-2 pi i k n / n_fft)|^2, straight from the definition.
std::vector<double> power_by_definition(const float* x, int n_window, int n_fft) {
  std::vector<double> cosine, sine, weighted;
  for (int n = 0; n < n_fft; ++n) {
    cosine.push_back(std::cos(2.0 * std::numbers::pi * n / n_fft));
    sine.push_back(std::sin(2.0 * std::numbers::pi * n / n_fft));
  }
  for (int n = 0; n < n_window; ++n) {
    weighted.push_back(x[n] * (0.5 - 0.5 * std::cos(2.0 * std::numbers::pi * n / n_window)));
  }
  std::vector<double> power;
  for (std::size_t k = 0; k <= cosine.size() / 2; ++k) {
    double re = 0.0, im = 0.0;
    for (std::size_t n = 0; n < weighted.size(); ++n) {
      const std::size_t turn = k * n % cosine.size();
      re += weighted[n] * cosine[turn];
      im -= weighted[n] * sine[turn];
    }
    power.push_back(re * re + im * im);
  }
  return power;
}

/// The largest error of an amplitude, as a share of the largest amplitude of its frame.
double largest_error(const Kernels& kernels, const Workspace& workspace, int n_window, int n_fft) {
  TransformSpec spec;
  spec.geometry.window = n_window;
  spec.window = WindowShape::kHannPeriodic;
  spec.n_fft = n_fft;
  const TransformTables tables = transform_tables(spec, kernels.n_lanes);
  std::vector<std::vector<float>> frames;
  FrameGroup group;
  for (int lane = 0; lane < kernels.n_lanes; ++lane) {
    frames.push_back(test::made_up_audio(static_cast<std::size_t>(n_window), static_cast<std::uint32_t>(n_fft + lane)));
    group.frames[static_cast<std::size_t>(lane)] = frames.back().data();
    group.n_valid[static_cast<std::size_t>(lane)] = n_window;
  }
  kernels.power(tables, group, workspace);
  double worst = 0.0;
  for (int lane = 0; lane < kernels.n_lanes; ++lane) {
    const auto expected = power_by_definition(frames[static_cast<std::size_t>(lane)].data(), n_window, n_fft);
    const double peak = std::sqrt(*std::max_element(expected.begin(), expected.end()));
    for (std::size_t k = 0; k < expected.size(); ++k) {
      const double actual =
          workspace.power()[k * static_cast<std::size_t>(kernels.n_lanes) + static_cast<std::size_t>(lane)];
      worst = std::max(worst, std::abs(std::sqrt(actual) - std::sqrt(expected[k])) / peak);
    }
  }
  return worst;
}

TEST(Fft, EveryLengthEqualsTheDefinition) {
  Workspace workspace;
  int n_lengths = 0;
  for (const Kernels* kernels : runnable_kernels()) {
    for (int n_fft = 8; n_fft <= 1024; n_fft += 2) {
      if (!is_smooth(n_fft)) continue;
      ++n_lengths;
      EXPECT_LT(largest_error(*kernels, workspace, n_fft, n_fft), 1e-6) << kernels->target << " n_fft " << n_fft;
    }
  }
  EXPECT_GE(n_lengths, 60);
}

TEST(Fft, ShortWindowsArePaddedWithZeros) {
  Workspace workspace;
  for (const Kernels* kernels : runnable_kernels()) {
    for (const auto& [n_window, n_fft] : {std::pair{400, 512},
                                          {416, 512},
                                          {417, 512},
                                          {401, 512},
                                          {37, 512},
                                          {399, 400},
                                          {33, 400},
                                          {2, 8},
                                          {400, 480},
                                          {601, 1024},
                                          {4000, 4096}}) {
      EXPECT_LT(largest_error(*kernels, workspace, n_window, n_fft), 1e-6)
          << kernels->target << ' ' << n_window << " of " << n_fft;
    }
  }
}

TEST(Fft, LanesDoNotMix) {
  Workspace workspace;
  const std::vector<float> silence(512, 0.0F);
  const std::vector<float> loud(512, 1.0F);
  for (const Kernels* kernels : runnable_kernels()) {
    for (const int n_fft : {400, 480, 512}) {
      TransformSpec spec;
      spec.geometry.window = 400;
      spec.n_fft = n_fft;
      const TransformTables tables = transform_tables(spec, kernels->n_lanes);
      FrameGroup group;
      group.frames.fill(loud.data());
      group.frames[1] = silence.data();
      kernels->power(tables, group, workspace);
      for (int k = 0; k <= n_fft / 2; ++k) {
        ASSERT_EQ(workspace.power()[k * kernels->n_lanes + 1], 0.0F) << kernels->target << ' ' << n_fft << " bin " << k;
      }
    }
  }
}

}  // namespace
}  // namespace melstream::engine::cpu
