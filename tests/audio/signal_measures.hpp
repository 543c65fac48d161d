// How close two signals are, in double precision and apart from the code under test: SNR of a band, and delay.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <numbers>
#include <span>
#include <utility>
#include <vector>

namespace melstream::test {

/// Discrete Fourier transform in place; the size is a power of two.
inline void transform(std::vector<std::complex<double>>& x) {
  const std::size_t n = x.size();
  for (std::size_t i = 1, j = 0; i < n; ++i) {
    std::size_t bit = n / 2;
    for (; (j & bit) != 0; bit /= 2) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(x[i], x[j]);
  }
  for (std::size_t half = 1; half < n; half *= 2) {
    for (std::size_t k = 0; k < half; ++k) {
      const auto turn = std::polar(1.0, -std::numbers::pi * static_cast<double>(k) / static_cast<double>(half));
      for (std::size_t i = k; i < n; i += 2 * half) {
        const auto odd = turn * x[i + half];
        x[i + half] = x[i] - odd;
        x[i] += odd;
      }
    }
  }
}

/// Energy of a 16 kHz signal below `limit_hz`.
inline double energy_below(std::span<const double> signal, double limit_hz) {
  std::vector<std::complex<double>> x(std::bit_ceil(signal.size()));
  std::copy(signal.begin(), signal.end(), x.begin());
  transform(x);
  const auto n_bins = static_cast<std::size_t>(limit_hz / 16000.0 * static_cast<double>(x.size()));
  double energy = 0;
  for (std::size_t k = 0; k < n_bins; ++k) energy += std::norm(x[k]);
  return energy;
}

/// Ratio of the reference's energy below `limit_hz` to that of the difference, in dB. The shorter length counts.
inline double snr_db(std::span<const float> signal, std::span<const float> reference, double limit_hz) {
  const std::size_t n = std::min(signal.size(), reference.size());
  std::vector<double> wanted(reference.begin(), reference.begin() + static_cast<std::ptrdiff_t>(n));
  std::vector<double> difference(n);
  for (std::size_t i = 0; i < n; ++i) difference[i] = static_cast<double>(signal[i]) - wanted[i];
  return 10 * std::log10(energy_below(wanted, limit_hz) / energy_below(difference, limit_hz));
}

/// The shift of `signal` against `reference`, within 200 samples, at which their correlation is largest.
inline std::ptrdiff_t delay_samples(std::span<const float> signal, std::span<const float> reference) {
  const auto n = static_cast<std::ptrdiff_t>(std::min(signal.size(), reference.size()));
  std::ptrdiff_t best = 0;
  double largest = -1;
  for (std::ptrdiff_t shift = -200; shift <= 200; ++shift) {
    double sum = 0;
    for (std::ptrdiff_t i = std::max<std::ptrdiff_t>(0, -shift); i < n && i + shift < n; ++i) {
      sum += static_cast<double>(signal.data()[i + shift]) * static_cast<double>(reference.data()[i]);
    }
    if (sum > largest) best = shift;
    largest = std::max(largest, sum);
  }
  return best;
}

}  // namespace melstream::test
