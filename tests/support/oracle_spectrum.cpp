#include "tests/support/oracle_spectrum.hpp"

#include <cmath>
#include <cstddef>
#include <map>
#include <numbers>

namespace melstream::test {
namespace {

using engine::Edge;
using engine::FrameCount;
using engine::PreEmphasisScope;
using engine::WindowShape;

constexpr double kPi = std::numbers::pi;

/// e^(-2 pi i k / n), k = 0..n-1.
const std::vector<std::complex<double>>& roots_of_unity(std::size_t n) {
  static thread_local std::map<std::size_t, std::vector<std::complex<double>>> known;
  auto& roots = known[n];
  for (std::size_t k = roots.size(); k < n; ++k) {
    roots.push_back(std::polar(1.0, -2 * kPi * static_cast<double>(k) / static_cast<double>(n)));
  }
  return roots;
}

std::size_t smallest_factor(std::size_t n) {
  for (std::size_t p = 2; p * p <= n; ++p) {
    if (n % p == 0) return p;
  }
  return n;
}

/// The sample at position i, beyond the ends by the edge rule.
double sample_at(Edge edge, std::span<const double> x, std::int64_t i) {
  const auto n = static_cast<std::int64_t>(x.size());
  while (i < 0 || i >= n) {
    if (edge == Edge::kNone || edge == Edge::kZeros) return 0.0;
    if (edge == Edge::kReflect) {
      if (n == 1) return x[0];
      i = i < 0 ? -i : 2 * (n - 1) - i;
    } else {
      i = i < 0 ? -1 - i : 2 * n - 1 - i;
    }
  }
  return x[static_cast<std::size_t>(i)];
}

double window_at(WindowShape shape, int n, int length) {
  const double last = length - 1;
  switch (shape) {
    case WindowShape::kHannPeriodic:
      return 0.5 - 0.5 * std::cos(2 * kPi * n / length);
    case WindowShape::kHannSymmetric:
      return 0.5 - 0.5 * std::cos(2 * kPi * n / last);
    case WindowShape::kHammingSymmetric:
      return 0.54 - 0.46 * std::cos(2 * kPi * n / last);
    case WindowShape::kPovey:
      return std::pow(0.5 - 0.5 * std::cos(2 * kPi * n / last), 0.85);
  }
  return 0.0;
}

}  // namespace

std::vector<std::complex<double>> fourier(std::span<const std::complex<double>> x) {
  const std::size_t n = x.size();
  if (n <= 1) return {x.begin(), x.end()};
  // X[k] = sum over r < p of w^(rk) times the transform of every p-th value from r on, which has the period n / p.
  const std::size_t p = smallest_factor(n);
  std::vector<std::vector<std::complex<double>>> parts;
  for (std::size_t r = 0; r < p; ++r) {
    std::vector<std::complex<double>> part;
    for (std::size_t i = r; i < n; i += p) part.push_back(x[i]);
    parts.push_back(fourier(part));
  }
  const auto& roots = roots_of_unity(n);
  std::vector<std::complex<double>> result(n);
  for (std::size_t k = 0; k < n; ++k) {
    for (std::size_t r = 0; r < p; ++r) result[k] += roots[r * k % n] * parts[r][k % (n / p)];
  }
  return result;
}

std::int64_t oracle_frame_count(const engine::FrameGeometry& g, std::int64_t n) {
  if (n == 0 || (g.edge == Edge::kReflect && n <= g.left)) return 0;
  switch (g.count) {
    case FrameCount::kFloor:
      return n / g.hop;
    case FrameCount::kFloorPlusOne:
      return 1 + n / g.hop;
    case FrameCount::kRounded:
      return (n + g.hop / 2) / g.hop;
    case FrameCount::kSnip:
      return n < g.window ? 0 : 1 + (n - g.window) / g.hop;
  }
  return 0;
}

std::vector<double> oracle_signal(const engine::TransformSpec& transform, std::span<const float> samples) {
  const double scale = transform.scale;
  std::vector<double> y;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const bool emphasised = transform.pre_emphasis_scope == PreEmphasisScope::kSignal && i > 0;
    const double before = emphasised ? double{transform.pre_emphasis} * samples[i - 1] : 0.0;
    y.push_back(scale * (samples[i] - before));
  }
  return y;
}

Spectrum oracle_spectrum(const engine::TransformSpec& t, std::span<const double> x, std::int64_t frame) {
  std::vector<double> y;
  y.reserve(static_cast<std::size_t>(t.geometry.window));
  for (int n = 0; n < t.geometry.window; ++n) {
    y.push_back(sample_at(t.geometry.edge, x, frame * t.geometry.hop - t.geometry.left + n));
  }
  Spectrum result;
  if (t.remove_dc) {
    double mean = 0.0;
    for (const double v : y) mean += v / static_cast<double>(y.size());
    for (double& v : y) v -= mean;
  }
  for (const double v : y) result.energy += v * v;
  if (t.pre_emphasis_scope == PreEmphasisScope::kFrame) {
    const double c = t.pre_emphasis;
    for (std::size_t n = y.size() - 1; n > 0; --n) y[n] -= c * y[n - 1];
    y[0] -= c * y[0];
  }
  std::vector<std::complex<double>> padded(static_cast<std::size_t>(t.n_fft));
  for (int n = 0; n < t.geometry.window; ++n) {
    const auto i = static_cast<std::size_t>(n);
    padded[i] = y[i] * window_at(t.window, n, t.geometry.window);
  }
  const auto transformed = fourier(padded);
  for (int k = 0; k <= t.n_fft / 2; ++k) result.power.push_back(std::norm(transformed[static_cast<std::size_t>(k)]));
  return result;
}

}  // namespace melstream::test
