// How far rows of two float32 engines may be apart: the tolerance rule of the golden set, of the front end's plain log
// mels, carried through smoothing, cepstrum, stacking and CMVN.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "melstream/engine/engine.hpp"

#include "tests/support/matrix.hpp"
#include "tests/support/tolerance.hpp"

namespace melstream::bench {

/// Of log mels: twice what the manifest of the golden set has for speech, since both engines may be so far from the
/// truth.
test::Tolerance rule_between_engines(const engine::FrontEndSpec& spec);

struct Difference {
  double worst_share = 0.0;  ///< of what is allowed; infinite where a value is not finite or the shape differs
  std::string where;         ///< of the worst
};

/// Compares rows of whole clips of one front end. Keeps what it needs of the CPU engine.
class Allowance {
 public:
  /// @param cpu outlives this.
  Allowance(engine::Engine& cpu, std::shared_ptr<const engine::FrontEnd> front_end, engine::Smoothing smoothing);

  /// Rows of the CPU engine against rows of another, both of the whole clip.
  Difference compare(std::span<const float> clip, const test::Matrix& expected, const test::Matrix& actual) const;

 private:
  /// Allowed difference of each cell, [rows][cols].
  std::vector<double> allowed(std::span<const float> clip, const test::Matrix& expected) const;
  std::vector<double> through_cepstrum(const std::vector<double>& base, const test::Matrix& log_mels) const;
  std::vector<double> through_smoothing(const std::vector<double>& base, std::size_t n_frames,
                                        std::size_t n_bins) const;
  std::vector<double> through_stacking(const std::vector<double>& base, std::size_t n_frames, std::size_t n_rows) const;

  engine::Engine& cpu_;
  const std::shared_ptr<const engine::FrontEnd> front_end_;
  const engine::Smoothing smoothing_;
  std::shared_ptr<const engine::Prepared> log_mels_;  ///< the front end as far as its logarithm
};

}  // namespace melstream::bench
