// From samples to the windowed input of the FFT, against the definition in double precision.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/cuda/host_warp.hpp"
#include "tests/engine/ticks.hpp"

namespace melstream::engine::cuda {
namespace {

constexpr float kUnwritten = 1e30F;
constexpr int kFrames = 5;

struct Variant {
  int n_window = 400;
  int n_fft = 512;
  PreEmphasisScope scope = PreEmphasisScope::kNone;
  bool remove_dc = false;
  bool wants_energy = false;
};

/// Hamming, times a scale: no weight is 0.
double weight_of(const Variant& v, int n) {
  return 32768.0 * (0.54 - 0.46 * std::cos(2.0 * std::numbers::pi * n / (v.n_window - 1)));
}

class Gathered {
 public:
  /// @param n_valid of each frame.
  Gathered(const Variant& variant, const std::vector<int>& n_valid) : variant_(variant) {
    for (int n = 0; n < variant.n_window; ++n) window_.push_back(static_cast<float>(weight_of(variant, n)));
    for (std::size_t frame = 0; frame < kFrames; ++frame) {
      samples_.push_back(
          test::made_up_audio(static_cast<std::size_t>(variant.n_window) + 1, static_cast<std::uint32_t>(frame)));
      for (float& sample : samples_.back()) sample += 0.25F;  // an offset for DC removal to remove
      refs_.push_back({samples_.back().data() + 1, n_valid[frame], 0});
    }
    params_.window = window_.data();
    params_.n_window = variant.n_window;
    params_.n_fft = variant.n_fft;
    params_.remove_dc = variant.remove_dc;
    params_.pre_emphasis_scope = variant.scope;
    params_.pre_emphasis = variant.scope == PreEmphasisScope::kNone ? 0.0F : 0.97F;
    params_.energy_scale = 32768.0F * 32768.0F;
    params_.n_frames = kFrames;
    params_.frames = refs_.data();
  }

  template <typename Warp>
  void run() {
    input_.assign(std::size_t{kFrames} * static_cast<std::size_t>(variant_.n_fft), kUnwritten);
    energy_.assign(kFrames, kUnwritten);
    params_.input = input_.data();
    params_.energy = variant_.wants_energy ? energy_.data() : nullptr;
    for (int frame = kFrames - 1; frame >= 0; --frame) {
      std::vector<float> scratch(static_cast<std::size_t>(variant_.n_window), std::numeric_limits<float>::quiet_NaN());
      gather_frame(Warp(), params_, frame, scratch.data());
    }
  }

  void expect_definition() const {
    for (std::size_t frame = 0; frame < kFrames; ++frame) {
      double energy = 0.0;
      const std::vector<double> expected = definition(frame, energy);
      constexpr double kLargest = 32768.0 * 1.05;  // a sample times the window's largest weight
      for (std::size_t n = 0; n < expected.size(); ++n) {
        EXPECT_NEAR(input_[frame * expected.size() + n], expected[n], 3e-7 * kLargest)
            << "frame " << frame << " at " << n;
      }
      if (variant_.wants_energy) {
        EXPECT_NEAR(energy_[frame] / energy, 1.0, 1e-6) << frame;
      } else {
        EXPECT_EQ(energy_[frame], kUnwritten);
      }
    }
  }
  /// What lies behind the window, and samples behind the end of a pre-emphasised signal.
  bool is_exactly_zero(std::size_t frame, int from, int to) const {
    const auto begin = input_.begin() + static_cast<std::ptrdiff_t>(frame) * variant_.n_fft;
    return std::all_of(begin + from, begin + to, [](float y) { return y == 0.0F; });
  }
  const std::vector<float>& input() const { return input_; }
  const std::vector<float>& energy() const { return energy_; }

 private:
  /// y[n] = x[n] - c x[n - 1], where x is the mean-free frame; x[-1] is the frame's own first sample (Kaldi), or the
  /// signal's sample before it (NeMo), whose y is 0 behind the end.
  std::vector<double> definition(std::size_t frame, double& energy) const {
    const float* const x = samples_[frame].data() + 1;
    double mean = 0.0;
    for (int n = 0; n < variant_.n_window && variant_.remove_dc; ++n) mean += double{x[n]} / variant_.n_window;
    std::vector<double> y(static_cast<std::size_t>(variant_.n_fft));
    for (int n = 0; n < variant_.n_window; ++n) {
      const double now = x[n] - mean;
      energy += now * now * 32768.0 * 32768.0;
      double before = 0.0;
      if (variant_.scope == PreEmphasisScope::kFrame) before = x[std::max(0, n - 1)] - mean;
      if (variant_.scope == PreEmphasisScope::kSignal) before = x[n - 1];
      const bool is_behind_end = variant_.scope == PreEmphasisScope::kSignal && n >= refs_[frame].n_valid;
      y[static_cast<std::size_t>(n)] =
          is_behind_end ? 0.0 : (now - double{params_.pre_emphasis} * before) * weight_of(variant_, n);
    }
    return y;
  }

  Variant variant_;
  std::vector<float> window_;
  std::vector<std::vector<float>> samples_;
  std::vector<FrameRef> refs_;
  std::vector<float> input_;
  std::vector<float> energy_;
  GatherParams params_;
};

void check(const Variant& variant, const std::vector<int>& n_valid) {
  SCOPED_TRACE(std::to_string(variant.n_window) + " samples of " + std::to_string(variant.n_fft) + ", scope " +
               std::to_string(static_cast<int>(variant.scope)) + (variant.remove_dc ? ", mean-free" : "") +
               (variant.wants_energy ? ", energy" : ""));
  Gathered gathered(variant, n_valid);
  gathered.run<test::HostWarp>();
  gathered.expect_definition();
  for (std::size_t frame = 0; frame < kFrames; ++frame) {
    EXPECT_TRUE(gathered.is_exactly_zero(frame, variant.n_window, variant.n_fft)) << frame;
    if (variant.scope == PreEmphasisScope::kSignal) {
      EXPECT_TRUE(gathered.is_exactly_zero(frame, n_valid[frame], variant.n_fft)) << frame;
    }
  }
  const std::vector<float> input = gathered.input(), energy = gathered.energy();
  gathered.run<test::WarpOnHost<true>>();
  EXPECT_EQ(gathered.input(), input) << "depends on the order in which lanes run";
  EXPECT_EQ(gathered.energy(), energy);
}

/// Windows of the front ends, shorter than a warp, not a multiple of it, and as long as the FFT.
const std::vector<std::pair<int, int>> kLengths = {{400, 400}, {400, 512}, {403, 512}, {7, 10}, {2, 8}, {4096, 4096}};

TEST(GatherKernel, EqualsTheDefinitionForEveryKindOfFrontEnd) {
  for (const auto& [n_window, n_fft] : kLengths) {
    for (const bool remove_dc : {false, true}) {
      for (const bool wants_energy : {false, true}) {
        for (const PreEmphasisScope scope : {PreEmphasisScope::kNone, PreEmphasisScope::kFrame}) {
          check({n_window, n_fft, scope, remove_dc, wants_energy}, std::vector<int>(kFrames, n_window));
        }
      }
    }
  }
}

TEST(GatherKernel, PreEmphasisOfTheSignalReadsOneSampleBeforeAndIsZeroBehindTheEnd) {
  for (const auto& [n_window, n_fft] : kLengths) {
    check({n_window, n_fft, PreEmphasisScope::kSignal, false, false}, {n_window, n_window - 1, 1, 0, n_window / 2});
  }
}

TEST(GatherKernel, SamplesBehindTheEndCountWithoutPreEmphasisOfTheSignal) {
  // There the edge rule has filled them in.
  for (const PreEmphasisScope scope : {PreEmphasisScope::kNone, PreEmphasisScope::kFrame}) {
    check({400, 512, scope, scope == PreEmphasisScope::kFrame, false}, {400, 399, 1, 0, 200});
  }
}

}  // namespace
}  // namespace melstream::engine::cuda
