// Made-up audio and ticks for the tests of engines.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "melstream/engine/cpu/cpu_engine.hpp"

namespace melstream::test {

/// Noise with a tone: every frame is different. Full scale is 1.
std::vector<float> made_up_audio(std::size_t n_samples, std::uint32_t seed);

/// Rows and maxima of one lane.
struct LaneRows {
  std::vector<float> rows;
  std::vector<float> maxima;
  bool operator==(const LaneRows&) const = default;  // the values are never NaN, nor zeros of two signs
};

/// A lane of `n_rows` rows from `first_row` on, whose samples are what these rows need of `audio` (a whole segment, or
/// with is_open the part of one that grows), in two pieces cut at the share `cut` (0..1). The audio outlives the lane.
engine::Lane lane_of(const engine::Prepared& prepared, const std::vector<float>& audio, std::int64_t first_row,
                     std::int64_t n_rows, double cut = 1.0, bool is_open = false);

/// All rows of a whole segment.
engine::Lane whole_lane(const engine::Prepared& prepared, const std::vector<float>& audio);

/// Runs one tick and gives each lane its rows.
std::vector<LaneRows> run_tick(engine::Engine& engine, const std::vector<engine::Lane>& lanes);

/// A front end (and smoothing) that a test goes over, with a name for messages.
struct Case {
  std::shared_ptr<const engine::FrontEnd> front_end;
  engine::Smoothing smoothing = engine::Smoothing::kNone;
  std::string name;
};
/// The whole catalog, each with every smoothing that it allows; one with CMVN; one with a transform of any length.
std::vector<Case> all_cases();

}  // namespace melstream::test
