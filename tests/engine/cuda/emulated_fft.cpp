#include "tests/engine/cuda/emulated_fft.hpp"

#include <array>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace melstream::test {
namespace {

/// A front end's lengths are products of 2, 3 and 5.
constexpr std::size_t kLargestFactor = 5;

std::size_t factor_of(std::size_t n) noexcept {
  if (n % 4 == 0) return 4;
  std::size_t p = 2;
  while (n % p != 0) ++p;
  return p;
}

}  // namespace

RealFft::RealFft(int n_fft)
    : half_(static_cast<std::size_t>(n_fft) / 2), turns_(2 * half_), pairs_(half_), transform_(half_) {
  for (std::size_t n = half_; n > 1; n /= factor_of(n)) {
    if (factor_of(n) > kLargestFactor) throw std::invalid_argument("a transform of " + std::to_string(n_fft));
  }
  for (std::size_t k = 0; k < turns_.size(); ++k) {
    const double angle = -2.0 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n_fft);
    turns_[k] = {std::cos(angle), std::sin(angle)};
  }
}

void RealFft::run(const float* x, engine::cuda::Complex* out) {
  for (std::size_t n = 0; n < half_; ++n) pairs_[n] = {x[2 * n], x[2 * n + 1]};
  transform(pairs_.data(), 1, transform_.data(), half_);
  for (std::size_t k = 0; k <= half_; ++k) {
    // Even samples give the part that equals its own mirror image, odd samples the rest.
    const Number a = transform_[k % half_], b = transform_[(half_ - k) % half_];
    const Number even{(a.re + b.re) / 2.0, (a.im - b.im) / 2.0}, odd{(a.im + b.im) / 2.0, (b.re - a.re) / 2.0};
    const Number turned = product(odd, k < half_ ? turns_[k] : Number{-1.0, 0.0});
    out[k] = {static_cast<float>(even.re + turned.re), static_cast<float>(even.im + turned.im)};
  }
}

/// Of x[0], x[stride], ..., of length n.
void RealFft::transform(const Number* x, std::size_t stride, Number* out, std::size_t n) const noexcept {
  if (n == 1) {
    *out = *x;
    return;
  }
  const std::size_t p = factor_of(n);
  for (std::size_t q = 0; q < p; ++q) transform(x + q * stride, stride * p, out + q * (n / p), n / p);
  join(p, stride, out, n);
}

/// From the transforms of every p-th number to that of all.
void RealFft::join(std::size_t p, std::size_t stride, Number* out, std::size_t n) const noexcept {
  const std::size_t m = n / p;
  std::array<Number, kLargestFactor> part;
  for (std::size_t k = 0; k < m; ++k) {
    for (std::size_t q = 0; q < p; ++q) part[q] = product(out[q * m + k], turns_[2 * q * k * stride]);
    if (p == 4) {
      const Number s{part[0].re + part[2].re, part[0].im + part[2].im};
      const Number t{part[0].re - part[2].re, part[0].im - part[2].im};
      const Number u{part[1].re + part[3].re, part[1].im + part[3].im};
      const Number v{part[1].im - part[3].im, part[3].re - part[1].re};  // times -i
      out[k] = {s.re + u.re, s.im + u.im};
      out[m + k] = {t.re + v.re, t.im + v.im};
      out[2 * m + k] = {s.re - u.re, s.im - u.im};
      out[3 * m + k] = {t.re - v.re, t.im - v.im};
      continue;
    }
    for (std::size_t r = 0; r < p; ++r) {
      Number sum = part[0];
      for (std::size_t q = 1; q < p; ++q) {
        const Number turned = product(part[q], turns_[2 * (q * r % p) * m * stride]);
        sum = {sum.re + turned.re, sum.im + turned.im};
      }
      out[r * m + k] = sum;
    }
  }
}

}  // namespace melstream::test
