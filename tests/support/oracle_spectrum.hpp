// The oracle's first half: framing, window and power spectrum of one frame in double precision.
#pragma once

#include <complex>
#include <cstdint>
#include <span>
#include <vector>

#include "melstream/engine/front_end.hpp"

namespace melstream::test {

/// Discrete Fourier transform of any length, by its prime factors. Not normalised.
std::vector<std::complex<double>> fourier(std::span<const std::complex<double>> x);

/// Frames of n samples, from the table of tests/golden/README.md section 2.
std::int64_t oracle_frame_count(const engine::FrameGeometry& geometry, std::int64_t n_samples);

/// The clip in the front end's range, pre-emphasised if that is done over the signal.
std::vector<double> oracle_signal(const engine::TransformSpec& transform, std::span<const float> samples);

struct Spectrum {
  std::vector<double> power;  ///< [n_fft / 2 + 1]
  double energy = 0.0;        ///< of the mean-free frame before pre-emphasis and window
};
Spectrum oracle_spectrum(const engine::TransformSpec& transform, std::span<const double> signal, std::int64_t frame);

}  // namespace melstream::test
