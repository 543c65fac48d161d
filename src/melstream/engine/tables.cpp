// Windows, mel filters and the cepstrum matrix (tables.hpp). Any thread; no state. Sources: tests/golden/README.md
// sections 1 and 3, where each formula is checked against the genuine code.
#include "melstream/engine/tables.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <span>

#include "melstream/core/units.hpp"

namespace melstream::engine {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kSlaneyLogStep = 27.0;  // mel steps for a factor of 6.4 in frequency

double slaney_mel(double hz) {
  return hz < 1000.0 ? 3.0 * hz / 200.0 : 15.0 + kSlaneyLogStep * std::log(hz / 1000.0) / std::log(6.4);
}
double slaney_hz(double mel) {
  return mel < 15.0 ? 200.0 * mel / 3.0 : 1000.0 * std::exp((mel - 15.0) * std::log(6.4) / kSlaneyLogStep);
}
double htk_mel(double hz) { return 2595.0 * std::log10(1.0 + hz / 700.0); }
double htk_hz(double mel) { return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0); }
double kaldi_mel(double hz) { return 1127.0 * std::log(1.0 + hz / 700.0); }

double triangle(double x, double left, double centre, double right) {
  return std::max(0.0, std::min((x - left) / (centre - left), (right - x) / (right - centre)));
}

/// n_mels + 2 corner points in Hz, equally spaced on a mel scale.
std::vector<double> corners_hz(const MelSpec& spec) {
  const bool slaney = spec.scale == MelScale::kSlaney;
  const double low = slaney ? slaney_mel(spec.f_min_hz) : htk_mel(spec.f_min_hz);
  const double high = slaney ? slaney_mel(spec.f_max_hz) : htk_mel(spec.f_max_hz);
  std::vector<double> corners;
  for (int i = 0; i < spec.n_mels + 2; ++i) {
    const double mel = low + i * (high - low) / (spec.n_mels + 1);
    corners.push_back(slaney ? slaney_hz(mel) : htk_hz(mel));
  }
  return corners;
}

/// Triangles linear in Hz, over all bins; Slaney's norm makes every area one.
std::vector<double> hz_filter(const MelSpec& spec, std::span<const double> corners, int n_fft) {
  const double norm = spec.norm == MelNorm::kSlaney ? 2.0 / (corners[2] - corners[0]) : 1.0;
  std::vector<double> weights;
  for (int k = 0; k <= n_fft / 2; ++k) {
    const double hz = static_cast<double>(k) * core::kSampleRateHz / n_fft;
    weights.push_back(norm * triangle(hz, corners[0], corners[1], corners[2]));
  }
  return weights;
}

/// Triangles linear in mel; Kaldi leaves the Nyquist bin out.
std::vector<double> kaldi_filter(const MelSpec& spec, int m, int n_fft) {
  const double low = kaldi_mel(spec.f_min_hz);
  const double step = (kaldi_mel(spec.f_max_hz) - low) / (spec.n_mels + 1);
  std::vector<double> weights;
  for (int k = 0; k < n_fft / 2; ++k) {
    const double mel = kaldi_mel(static_cast<double>(k) * core::kSampleRateHz / n_fft);
    weights.push_back(triangle(mel, low + m * step, low + (m + 1) * step, low + (m + 2) * step));
  }
  return weights;
}

/// Rounds to float and keeps what lies between the first and the last weight that is not 0.
void append_sparse(MelFilters& filters, std::span<const double> weights) {
  std::vector<float> rounded(weights.begin(), weights.end());
  const auto is_set = [](float w) { return w != 0.0F; };
  const auto first = std::find_if(rounded.begin(), rounded.end(), is_set);
  const auto last = std::find_if(rounded.rbegin(), rounded.rend(), is_set).base();
  const bool empty = first == rounded.end();
  filters.first_bin.push_back(empty ? 0 : static_cast<std::int32_t>(first - rounded.begin()));
  if (!empty) filters.weights.insert(filters.weights.end(), first, last);
  filters.offset.push_back(static_cast<std::int32_t>(filters.weights.size()));
}

}  // namespace

std::vector<float> window_weights(WindowShape shape, int n_window) {
  std::vector<float> weights;
  for (int n = 0; n < n_window; ++n) {
    const double periodic = std::cos(2.0 * kPi * n / n_window);
    const double symmetric = std::cos(2.0 * kPi * n / (n_window - 1));
    double w = 0.0;
    switch (shape) {
      case WindowShape::kHannPeriodic:
        w = 0.5 - 0.5 * periodic;
        break;
      case WindowShape::kHannSymmetric:
        w = 0.5 - 0.5 * symmetric;
        break;
      case WindowShape::kHammingSymmetric:
        w = 0.54 - 0.46 * symmetric;
        break;
      case WindowShape::kPovey:
        w = std::pow(0.5 - 0.5 * symmetric, 0.85);
        break;
    }
    weights.push_back(static_cast<float>(w));
  }
  return weights;
}

MelFilters mel_filters(const MelSpec& spec, int n_fft) {
  MelFilters filters;
  filters.offset.push_back(0);
  const std::vector<double> corners = spec.scale == MelScale::kKaldi ? std::vector<double>{} : corners_hz(spec);
  for (int m = 0; m < spec.n_mels; ++m) {
    if (spec.scale == MelScale::kKaldi) {
      append_sparse(filters, kaldi_filter(spec, m, n_fft));
    } else {
      append_sparse(filters, hz_filter(spec, std::span(corners).subspan(static_cast<std::size_t>(m), 3), n_fft));
    }
  }
  return filters;
}

std::vector<double> mel_centres_hz(const MelSpec& spec) {
  const std::vector<double> corners = corners_hz(spec);
  return {corners.begin() + 1, corners.end() - 1};
}

std::vector<float> cepstrum_matrix(const CepstrumSpec& spec, int n_mels) {
  std::vector<float> matrix;
  for (int i = 0; i < spec.n_ceps; ++i) {
    const double norm = std::sqrt((i == 0 ? 1.0 : 2.0) / n_mels);
    const double q = spec.lifter;
    const double lifter = q > 0.0 ? 1.0 + q / 2.0 * std::sin(kPi * i / q) : 1.0;
    for (int j = 0; j < n_mels; ++j) {
      matrix.push_back(static_cast<float>(lifter * norm * std::cos(kPi / n_mels * (j + 0.5) * i)));
    }
  }
  return matrix;
}

}  // namespace melstream::engine
