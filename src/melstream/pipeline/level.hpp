// How loud audio is: mean square and peak, of a span and of the last 100 ms.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace melstream::pipeline {

/// Full scale is 1.
struct Level {
  float mean_square = 0.0F;
  float peak = 0.0F;
};

/// Sums in eight independent columns, so that the compiler may use vectors without reordering any sum.
class LevelSum {
 public:
  void add(std::span<const float> samples) noexcept;
  /// Of all samples so far; zero without any.
  Level level() const noexcept;
  std::int64_t n_samples() const noexcept { return n_samples_; }

 private:
  static constexpr std::size_t kColumns = 8;
  std::array<float, kColumns> squares_{};
  std::array<float, kColumns> peaks_{};
  std::int64_t n_samples_ = 0;
};

/// Level of samples [begin, begin + n) of the two adjacent spans, clamped to them.
Level level_of(const std::array<std::span<const float>, 2>& samples, std::int64_t begin, std::int64_t n) noexcept;

/// Level of the last 100 ms, in parts of 10 ms. Not thread-safe.
class LevelMeter {
 public:
  void add(std::span<const float> samples) noexcept;
  Level level() const noexcept;

 private:
  static constexpr std::int64_t kPartSamples = 160;
  std::array<Level, 10> parts_{};
  std::size_t n_parts_ = 0;  ///< finished so far; part p lies at p % size
  LevelSum current_;
};

}  // namespace melstream::pipeline
