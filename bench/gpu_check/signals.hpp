// Made-up clips that are hard on a front end: what recordings seldom have.
#pragma once

#include <string>
#include <vector>

namespace melstream::bench {

struct Clip {
  std::string name;
  std::vector<float> samples;  ///< 16 kHz mono
};

/// Noise, a tone, clicks, DC, silence, the extremes of s16, each of `n_samples`; then noise of every length 0..401
/// that a frame's edge can meet. @param every_length false: one in seven, and those at the edges.
std::vector<Clip> made_up_clips(std::size_t n_samples, bool every_length);

}  // namespace melstream::bench
