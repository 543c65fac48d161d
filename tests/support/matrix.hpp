// A feature matrix in memory, and the two file formats of the golden set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace melstream::test {

/// values: [rows][cols], row-major.
struct Matrix {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<float> values;

  std::span<const float> row(std::size_t r) const { return std::span(values).subspan(r * cols, cols); }
  bool operator==(const Matrix&) const = default;
};

/// Two-dimensional little-endian float32 in C order. Throws std::runtime_error on anything else.
Matrix read_npy(const std::filesystem::path& file);

/// 16-bit PCM. samples: [samples per channel][n_channels], as in the file.
struct Wav {
  int rate_hz = 0;
  int n_channels = 0;
  std::vector<std::int16_t> samples;
};

/// RIFF WAVE, PCM 16 bit. Throws std::runtime_error on anything else.
Wav read_wav(const std::filesystem::path& file);

/// s16 / 32768, exact.
std::vector<float> to_float(std::span<const std::int16_t> samples);

}  // namespace melstream::test
