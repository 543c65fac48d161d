// The emulated device's Fourier transform: a plain sum by the factors of its length, in double precision.
#pragma once

#include <cstddef>
#include <vector>

#include "melstream/engine/cuda/kernel_params.hpp"

namespace melstream::test {

/// X[k] = sum of x[n] exp(-2 pi i k n / N), rounded to float once. Allocates nothing once made. One thread at a time.
class RealFft {
 public:
  /// @param n_fft even.
  explicit RealFft(int n_fft);
  /// @param x [n_fft]. @param out [n_fft / 2 + 1].
  void run(const float* x, engine::cuda::Complex* out);

 private:
  struct Number {
    double re = 0.0;
    double im = 0.0;
  };
  static Number product(const Number& a, const Number& b) noexcept {
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
  }
  void transform(const Number* x, std::size_t stride, Number* out, std::size_t n) const noexcept;
  void join(std::size_t p, std::size_t stride, Number* out, std::size_t n) const noexcept;

  std::size_t half_;               ///< n_fft / 2: two real samples make one complex number
  std::vector<Number> turns_;      ///< [n_fft] exp(-2 pi i k / n_fft)
  std::vector<Number> pairs_;      ///< [half_]
  std::vector<Number> transform_;  ///< [half_]
};

}  // namespace melstream::test
