// The tolerance rule of the golden set (tests/golden/README.md section 4): how far a cell may be from its reference.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/matrix.hpp"

namespace melstream::test {

struct Tolerance {
  enum class Rule { kLog, kLinear, kAbs };
  Rule rule = Rule::kAbs;
  double base = 10.0;     ///< kLog: of the logarithm
  std::size_t group = 0;  ///< bins that share a peak and have neighbours; 0: the whole row
  double atol = 0.0;
  double rtol = 0.0;
  double lam = 0.0;
  double kappa = 0.0;
  std::optional<double> mean_atol;
};

/// How far a matrix is from its reference.
struct Comparison {
  std::string reason;  ///< empty: within tolerance; else what is wrong, with the worst cell
  double worst = 0.0;  ///< largest error as a share of its tolerance
  double max_error = 0.0;
  double mean_error = 0.0;
};

/// Allowed |actual - golden| of each cell, [rows][cols].
std::vector<double> cell_tolerances(const Matrix& golden, const Tolerance& tolerance);
Comparison compare(const Matrix& golden, const Matrix& actual, const Tolerance& tolerance);

}  // namespace melstream::test
