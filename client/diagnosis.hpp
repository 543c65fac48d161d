// What a mismatch looks like, and so what most likely caused it. Heuristics: each names a pattern that one kind of
// mistake leaves behind; where none fits, the window (its shape, pre-emphasis, filters) is what remains.
#pragma once

#include <string>

#include "client/matrix.hpp"
#include "client/tolerance.hpp"

namespace melstream::client {

struct Diagnosis {
  enum class Cause { kNone, kShape, kNotFinite, kEdge, kScale, kFloor, kWindow };

  Cause cause = Cause::kNone;
  std::string text;  ///< one sentence for people
};

/// "window", "edge", "scale", "floor", "shape", "not-finite" or "none".
const char* to_string(Diagnosis::Cause cause) noexcept;

/// @param comparison of the same two matrices with the same tolerance.
Diagnosis diagnose(const FeatureMatrix& actual, const FeatureMatrix& reference, const Tolerance& tolerance,
                   const Comparison& comparison);

}  // namespace melstream::client
