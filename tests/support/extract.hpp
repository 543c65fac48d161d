// Rows through the Engine seam: of a whole clip as one lane, or streamed as a pipeline would, tick by tick.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "melstream/engine/engine.hpp"

#include "tests/support/matrix.hpp"

namespace melstream::test {

/// A lane with a copy of exactly the samples that its rows may read; everything around them is NaN, so that a read
/// beyond them is seen in the rows. The samples come in two spans, cut in the middle, as from the end of a ring.
class LaneSamples {
 public:
  /// @param clip the whole segment. @param segment_samples its length, or kOpenEnd while it grows.
  LaneSamples(const engine::Prepared& prepared, std::span<const float> clip, std::int64_t first_row,
              std::int64_t n_rows, std::int64_t segment_samples);
  const engine::Lane& lane() const noexcept { return lane_; }

 private:
  std::array<std::vector<float>, 2> copies_;
  engine::Lane lane_;
};

/// Computes a tick and returns the rows of each lane. Checks nothing but that maxima are those of the rows
/// (throws std::runtime_error).
std::vector<Matrix> run_tick(engine::Engine& engine, std::span<const engine::Lane> lanes);

/// All rows of a clip as one lane.
Matrix whole_clip(engine::Engine& engine, const engine::Prepared& prepared, std::span<const float> clip);

/// All rows of a clip that arrives in chunks: after each the rows that are ready, at its end the rest.
/// @param chunk_sizes used in turn, from the first again after the last; each > 0.
Matrix streamed_clip(engine::Engine& engine, const engine::Prepared& prepared, std::span<const float> clip,
                     std::span<const std::size_t> chunk_sizes);

}  // namespace melstream::test
