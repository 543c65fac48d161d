#include "tests/support/tolerance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

namespace melstream::test {
namespace {

/// Tolerances of the cells of one group of a row.
void group_tolerances(std::span<const float> golden, const Tolerance& t, std::span<double> allowed) {
  const bool linear = t.rule == Tolerance::Rule::kLinear;
  const auto size = [&](std::size_t i) { return linear ? std::abs(double{golden[i]}) : double{golden[i]}; };
  double peak = size(0);
  for (std::size_t i = 1; i < golden.size(); ++i) peak = std::max(peak, size(i));
  for (std::size_t i = 0; i < golden.size(); ++i) {
    double neighbour = -std::numeric_limits<double>::infinity();
    if (i > 0) neighbour = std::max(neighbour, size(i - 1));
    if (i + 1 < golden.size()) neighbour = std::max(neighbour, size(i + 1));
    const double v = size(i);
    if (linear) {
      constexpr double kNotZero = 1e-30;
      allowed[i] = t.rtol * v + t.lam * std::max(neighbour, 0.0) + t.kappa * std::sqrt(v * peak) +
                   t.kappa * t.kappa * peak + kNotZero;
    } else {
      allowed[i] = t.atol + t.lam * std::pow(t.base, neighbour - v) + t.kappa * std::pow(t.base, (peak - v) / 2.0);
    }
  }
}

}  // namespace

std::vector<double> cell_tolerances(const Matrix& golden, const Tolerance& tolerance) {
  std::vector<double> allowed(golden.values.size(), tolerance.atol);
  if (tolerance.rule == Tolerance::Rule::kAbs) return allowed;
  const std::size_t group = tolerance.group == 0 ? golden.cols : tolerance.group;
  for (std::size_t i = 0; i + group <= allowed.size(); i += group) {
    group_tolerances(std::span(golden.values).subspan(i, group), tolerance, std::span(allowed).subspan(i, group));
  }
  return allowed;
}

Comparison compare(const Matrix& golden, const Matrix& actual, const Tolerance& tolerance) {
  Comparison result;
  std::ostringstream reason;
  if (golden.rows != actual.rows || (golden.cols != actual.cols && actual.rows > 0)) {
    reason << "[" << actual.rows << ", " << actual.cols << "], expected [" << golden.rows << ", " << golden.cols << "]";
    result.reason = reason.str();
    return result;
  }
  if (golden.values.empty()) return result;

  const std::vector<double> allowed = cell_tolerances(golden, tolerance);
  std::size_t worst_cell = 0;
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    double error = std::abs(double{actual.values[i]} - double{golden.values[i]});
    if (!std::isfinite(actual.values[i])) error = std::numeric_limits<double>::infinity();
    result.max_error = std::max(result.max_error, error);
    result.mean_error += error / static_cast<double>(allowed.size());
    if (error / allowed[i] > result.worst) {
      result.worst = error / allowed[i];
      worst_cell = i;
    }
  }
  if (result.worst > 1.0) {
    reason << "row " << worst_cell / golden.cols << " bin " << worst_cell % golden.cols << " is "
           << actual.values[worst_cell] << ", expected " << golden.values[worst_cell] << " within "
           << allowed[worst_cell];
  } else if (tolerance.mean_atol && result.mean_error > *tolerance.mean_atol) {
    reason << "mean error " << result.mean_error << ", at most " << *tolerance.mean_atol;
  }
  result.reason = reason.str();
  return result;
}

}  // namespace melstream::test
