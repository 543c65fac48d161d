// The oracle: features of a whole clip in double precision, straight from the formulas of tests/golden/README.md. It
// shares no code with the engine: framing, windows, filters and transform are written again, the plain way.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "melstream/engine/front_end.hpp"

#include "tests/support/matrix.hpp"
#include "tests/support/tolerance.hpp"

namespace melstream::test {

/// [rows][cols], row-major.
struct DoubleMatrix {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<double> values;

  double& at(std::size_t r, std::size_t c) { return values[r * cols + c]; }
  double at(std::size_t r, std::size_t c) const { return values[r * cols + c]; }
};

/// Rows of a clip: what the engine computes, smoothing included, normalization not.
DoubleMatrix oracle_rows(const engine::FrontEndSpec& spec, engine::Smoothing smoothing, std::span<const float> samples);

/// Rounded to float.
Matrix to_float(const DoubleMatrix& matrix);

/// How far good float32 code may be from the oracle: the golden set's own numbers for speech and noise.
Tolerance float_tolerance(const engine::FrontEndSpec& spec);

}  // namespace melstream::test
