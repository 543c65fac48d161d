// How far a feature matrix may lie from its reference: the rule of tests/golden/README.md, section 4. A float32 FFT
// errs in proportion to the loudest component of a frame, so a cell far below the frame's peak may differ more.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/matrix.hpp"

namespace melstream::client {

struct Tolerance {
  enum class Kind { kLog, kLinear, kAbsolute };

  Kind kind = Kind::kAbsolute;
  double base = 10;  ///< of the logarithm; kLog
  int group = 0;     ///< bins that share an FFT; 0: all of a row
  double atol = 0;   ///< kLog, kAbsolute
  double rtol = 0;   ///< kLinear
  double lam = 0;    ///< share of the louder neighbouring bin: rounding of filter weights
  double kappa = 0;  ///< share of the frame's peak, in amplitude
  std::optional<double> mean_atol;
};

/// Allowed |actual - reference| of every cell of one frame.
/// @param row [bins] of the reference; allowed is resized to it.
void allowed_differences(std::span<const float> row, const Tolerance& tolerance, std::vector<double>& allowed);

struct Cell {
  std::int64_t frame = 0;
  int bin = 0;
  double actual = 0;
  double reference = 0;
  double allowed = 0;
};

struct Comparison {
  bool shapes_fit = true;  ///< false: the number of bins differs, nothing was compared
  std::int64_t frames_actual = 0;
  std::int64_t frames_reference = 0;
  std::int64_t frames_compared = 0;
  std::int64_t bad_cells = 0;
  std::int64_t nonfinite_cells = 0;
  double largest_difference = 0;
  double mean_difference = 0;
  double worst_ratio = 0;  ///< largest difference / allowed
  Cell worst;
  std::vector<std::string> reasons;  ///< empty: they match

  bool matches() const noexcept { return reasons.empty(); }
};

/// Compares the frames that both have. A cell that is not finite differs infinitely.
Comparison compare_matrices(const FeatureMatrix& actual, const FeatureMatrix& reference, const Tolerance& tolerance);

}  // namespace melstream::client
