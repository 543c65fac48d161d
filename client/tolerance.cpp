#include "client/tolerance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "client/number_text.hpp"

namespace melstream::client {
namespace {

/// Larger of the two neighbours within the group; -infinity in a group of one.
double louder_neighbour(std::span<const float> group, std::size_t at) {
  double louder = -std::numeric_limits<double>::infinity();
  if (at > 0) louder = group[at - 1];
  if (at + 1 < group.size()) louder = std::max(louder, static_cast<double>(group[at + 1]));
  return louder;
}

void allow_log(std::span<const float> group, const Tolerance& t, double* allowed) {
  const double peak = *std::max_element(group.begin(), group.end());
  for (std::size_t i = 0; i < group.size(); ++i) {
    const double v = group[i];
    allowed[i] =
        t.atol + t.lam * std::pow(t.base, louder_neighbour(group, i) - v) + t.kappa * std::pow(t.base, (peak - v) / 2);
  }
}

void allow_linear(std::span<const float> row, const Tolerance& t, double* allowed) {
  std::vector<float> magnitudes(row.size());
  std::transform(row.begin(), row.end(), magnitudes.begin(), [](float v) { return std::abs(v); });
  const double peak = *std::max_element(magnitudes.begin(), magnitudes.end());
  for (std::size_t i = 0; i < row.size(); ++i) {
    const double v = magnitudes[i];
    // The last term keeps a cell of digital silence from allowing nothing at all.
    allowed[i] = t.rtol * v + t.lam * std::max(louder_neighbour(magnitudes, i), 0.0) + t.kappa * std::sqrt(v * peak) +
                 t.kappa * t.kappa * peak + 1e-30;
  }
}

void summarize(Comparison& result, const Tolerance& tolerance) {
  if (result.nonfinite_cells > 0) {
    result.reasons.push_back(std::to_string(result.nonfinite_cells) + " values are not finite");
  }
  if (result.bad_cells > 0) {
    result.reasons.push_back(std::to_string(result.bad_cells) + " cells beyond the tolerance");
  }
  if (tolerance.mean_atol && !(result.mean_difference <= *tolerance.mean_atol)) {
    result.reasons.push_back("mean difference " + short_number(result.mean_difference) + " is over " +
                             short_number(*tolerance.mean_atol));
  }
}

}  // namespace

void allowed_differences(std::span<const float> row, const Tolerance& tolerance, std::vector<double>& allowed) {
  allowed.assign(row.size(), tolerance.atol);
  if (tolerance.kind == Tolerance::Kind::kLinear) {
    allow_linear(row, tolerance, allowed.data());
  } else if (tolerance.kind == Tolerance::Kind::kLog) {
    const std::size_t size = tolerance.group > 0 ? static_cast<std::size_t>(tolerance.group) : row.size();
    for (std::size_t at = 0; at < row.size(); at += size) {
      allow_log(row.subspan(at, std::min(size, row.size() - at)), tolerance, allowed.data() + at);
    }
  }
}

Comparison compare_matrices(const FeatureMatrix& actual, const FeatureMatrix& reference, const Tolerance& tolerance) {
  Comparison result;
  result.frames_actual = actual.frames();
  result.frames_reference = reference.frames();
  if (actual.bins != reference.bins) {
    result.shapes_fit = false;
    result.reasons.push_back(std::to_string(actual.bins) + " bins, the reference has " +
                             std::to_string(reference.bins));
    return result;
  }
  if (result.frames_actual != result.frames_reference) {
    result.reasons.push_back(std::to_string(result.frames_actual) + " frames, the reference has " +
                             std::to_string(result.frames_reference));
  }
  result.frames_compared = std::min(result.frames_actual, result.frames_reference);
  std::vector<double> allowed;
  double sum = 0;
  for (std::int64_t frame = 0; frame < result.frames_compared; ++frame) {
    const auto a = actual.row(frame);
    const auto v = reference.row(frame);
    allowed_differences(v, tolerance, allowed);
    for (std::size_t bin = 0; bin < v.size(); ++bin) {
      double difference = std::abs(static_cast<double>(a[bin]) - static_cast<double>(v[bin]));
      if (!std::isfinite(a[bin])) {
        ++result.nonfinite_cells;
        difference = std::numeric_limits<double>::infinity();
      }
      const double ratio = difference / allowed[bin];
      sum += difference;
      result.largest_difference = std::max(result.largest_difference, difference);
      if (ratio > 1) ++result.bad_cells;
      if (ratio > result.worst_ratio || (frame == 0 && bin == 0)) {
        result.worst_ratio = ratio;
        result.worst = {frame, static_cast<int>(bin), a[bin], v[bin], allowed[bin]};
      }
    }
  }
  const auto n_cells = static_cast<double>(result.frames_compared) * reference.bins;
  if (n_cells > 0) result.mean_difference = sum / n_cells;
  summarize(result, tolerance);
  return result;
}

}  // namespace melstream::client
