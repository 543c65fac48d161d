#include "melstream/pipeline/level.hpp"

#include <algorithm>
#include <cmath>

namespace melstream::pipeline {

void LevelSum::add(std::span<const float> samples) noexcept {
  // In copies, which the compiler knows not to be among the samples: they stay in registers.
  auto squares = squares_;
  auto peaks = peaks_;
  std::size_t i = 0;
  for (; i + kColumns <= samples.size(); i += kColumns) {
    // Else GCC 12 at -O3 unrolls this to scalar code.
#pragma GCC unroll 1
    for (std::size_t c = 0; c < kColumns; ++c) {
      const float x = samples[i + c];
      const float magnitude = std::fabs(x);
      squares[c] += x * x;
      peaks[c] = peaks[c] < magnitude ? magnitude : peaks[c];
    }
  }
  squares_ = squares;
  peaks_ = peaks;
  for (std::size_t c = 0; i < samples.size(); ++i, ++c) {
    squares_[c] += samples[i] * samples[i];
    peaks_[c] = std::max(peaks_[c], std::fabs(samples[i]));
  }
  n_samples_ += static_cast<std::int64_t>(samples.size());
}

Level LevelSum::level() const noexcept {
  Level level;
  if (n_samples_ == 0) return level;
  for (std::size_t c = 0; c < kColumns; ++c) {
    level.mean_square += squares_[c];
    level.peak = std::max(level.peak, peaks_[c]);
  }
  level.mean_square /= static_cast<float>(n_samples_);
  return level;
}

Level level_of(const std::array<std::span<const float>, 2>& samples, std::int64_t begin, std::int64_t n) noexcept {
  LevelSum sum;
  std::int64_t offset = 0;
  for (const std::span<const float> part : samples) {
    const auto size = static_cast<std::int64_t>(part.size());
    const std::int64_t from = std::clamp<std::int64_t>(begin - offset, 0, size);
    const std::int64_t to = std::clamp<std::int64_t>(begin + n - offset, from, size);
    sum.add(part.subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from)));
    offset += size;
  }
  return sum.level();
}

void LevelMeter::add(std::span<const float> samples) noexcept {
  while (!samples.empty()) {
    const auto missing = static_cast<std::size_t>(kPartSamples - current_.n_samples());
    const std::size_t n = std::min(missing, samples.size());
    current_.add(samples.first(n));
    samples = samples.subspan(n);
    if (current_.n_samples() == kPartSamples) {
      parts_[n_parts_++ % parts_.size()] = current_.level();
      current_ = {};
    }
  }
}

Level LevelMeter::level() const noexcept {
  const std::size_t n = std::min(n_parts_, parts_.size());
  if (n == 0) return current_.level();
  Level level;
  for (std::size_t part = 0; part < n; ++part) {
    level.mean_square += parts_[part].mean_square / static_cast<float>(n);
    level.peak = std::max(level.peak, parts_[part].peak);
  }
  return level;
}

}  // namespace melstream::pipeline
