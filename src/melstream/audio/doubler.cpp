#include "melstream/audio/doubler.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <string.h>  // explicit_bzero

namespace melstream::audio {
namespace {

constexpr std::size_t kTaps = Doubler::kDelay;
constexpr std::size_t kTile = 32;

// Between the edges of the band, in cycles a source sample: (3650 + 4000) / 2 of 8000 Hz.
constexpr double kCutoff = 3825.0 / 8000.0;
// Kaiser's window for 96 dB: 0.1102 (96 - 8.7).
constexpr double kBeta = 9.62;

/// Of both phases of the output: at the input samples, and halfway to the next. Each is symmetric.
struct Coefficients {
  Coefficients() {
    for (std::size_t k = 0; k <= kTaps; ++k) at[k] = static_cast<float>(impulse(static_cast<double>(k)));
    for (std::size_t k = 0; k < kTaps; ++k) between[k] = static_cast<float>(impulse(static_cast<double>(k) + 0.5));
    // Both pass a constant alike: else it would come with a tone of 8 kHz.
    double sum_at = static_cast<double>(at[0]);
    double sum_between = 0;
    for (std::size_t k = 0; k < kTaps; ++k) sum_at += 2 * static_cast<double>(at[k + 1]);
    for (const float one : between) sum_between += 2 * static_cast<double>(one);
    for (float& one : at) one = static_cast<float>(static_cast<double>(one) / sum_at);
    for (float& one : between) one = static_cast<float>(static_cast<double>(one) / sum_between);
  }

  std::array<float, kTaps + 1> at{};   ///< k inputs away
  std::array<float, kTaps> between{};  ///< k and a half inputs away

 private:
  static double impulse(double t) {
    const double x = 2 * std::numbers::pi * kCutoff * t;
    const double ideal = t == 0 ? 1 : std::sin(x) / x;
    const double place = t / (static_cast<double>(kTaps) + 0.5);
    return 2 * kCutoff * ideal * std::cyl_bessel_i(0.0, kBeta * std::sqrt(1 - place * place)) /
           std::cyl_bessel_i(0.0, kBeta);
  }
};

/// Two outputs for each of kTile inputs from `x` on. Each output is the same sum in the same order whatever its place,
/// and nothing is fused: the vectors' width changes no bit.
[[gnu::always_inline]] inline void compute(const Coefficients& coefficients, const float* x, float* out) noexcept {
  std::array<float, kTile> at{};
  std::array<float, kTile> between{};
  for (std::size_t i = 0; i < kTile; ++i) at[i] = coefficients.at[0] * x[i];
  for (std::size_t k = 0; k < kTaps; ++k) {
    const float* const before = x - k;
    const float* const after = x + k + 1;
    const float c_between = coefficients.between[k];
    const float c_at = coefficients.at[k + 1];
    for (std::size_t i = 0; i < kTile; ++i) between[i] += c_between * (before[i] + after[i]);
    for (std::size_t i = 0; i < kTile; ++i) at[i] += c_at * ((before - 1)[i] + after[i]);
  }
  for (std::size_t i = 0; i < kTile; ++i) {
    out[2 * i] = at[i];
    out[2 * i + 1] = between[i];
  }
}

using Compute = void (*)(const Coefficients&, const float*, float*) noexcept;

void compute_anywhere(const Coefficients& coefficients, const float* x, float* out) noexcept {
  compute(coefficients, x, out);
}

#if defined(__x86_64__)
[[gnu::target("avx2")]] void compute_avx2(const Coefficients& coefficients, const float* x, float* out) noexcept {
  compute(coefficients, x, out);
}

Compute best() noexcept { return __builtin_cpu_supports("avx2") != 0 ? compute_avx2 : compute_anywhere; }
#else
Compute best() noexcept { return compute_anywhere; }
#endif

}  // namespace

Doubler::Doubler() noexcept = default;

Doubler::~Doubler() { explicit_bzero(window_.data(), sizeof(window_)); }

void Doubler::reset() noexcept {
  n_awaited_ = kDelay;
  explicit_bzero(window_.data(), sizeof(window_));
}

Doubler::Step Doubler::process(std::span<const float> source, std::span<float> out) noexcept {
  static const Coefficients kCoefficients;
  static const Compute kCompute = best();
  Step step;
  while (step.consumed < source.size()) {
    const std::size_t n_room = n_awaited_ + (out.size() - step.produced) / 2;
    const std::size_t n = std::min({source.size() - step.consumed, kBlock, n_room});
    if (n == 0) break;
    std::copy_n(source.begin() + static_cast<std::ptrdiff_t>(step.consumed), n, window_.begin() + kHistory);
    std::array<float, 2 * kTile> tile{};
    const std::size_t n_silent = std::min(n, n_awaited_);
    for (std::size_t i = n_silent; i < n; i += kTile) {
      kCompute(kCoefficients, window_.data() + kTaps + i, tile.data());
      const std::size_t n_out = 2 * std::min(kTile, n - i);
      std::copy_n(tile.begin(), n_out, out.begin() + static_cast<std::ptrdiff_t>(step.produced));
      step.produced += n_out;
    }
    explicit_bzero(tile.data(), sizeof(tile));
    n_awaited_ -= n_silent;
    step.consumed += n;
    std::copy(window_.begin() + static_cast<std::ptrdiff_t>(n),
              window_.begin() + static_cast<std::ptrdiff_t>(n + kHistory), window_.begin());
  }
  return step;
}

}  // namespace melstream::audio
