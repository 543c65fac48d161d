// Where gather puts each sample and which constants the transforms read: index arithmetic in plain C++, twiddles
// computed in double and rounded once. Three transforms: 400 = 16 x 25 (prime factors: no twiddles between the two),
// 512 = 16 x 32 (at most 416 samples, the rest zeros), and any even 2^a 3^b 5^c.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace melstream::engine::cpu {

/// The transforms of 16 real points that begin both fixed plans leave these bins conjugated.
constexpr bool is_conjugated(int bin_of_16) noexcept { return bin_of_16 == 1 || bin_of_16 == 2 || bin_of_16 == 5; }

/// Cosine and sine of an angle, for exp(-i angle).
struct Twiddle {
  float cosine = 1.0F;
  float sine = 0.0F;
};
/// exp(-2 pi i turn / n).
Twiddle twiddle(std::int64_t turn, std::int64_t n) noexcept;

enum class FftKind : std::uint8_t { kAny, k400, k512 };

/// One pass over the complex half-length transform (Stockham: sorts itself).
struct FftStage {
  int radix = 2;
  int n_groups = 1;  ///< twiddle sets: remaining length / radix
  int stride = 1;    ///< product of the radices before
  std::size_t first_twiddle = 0;
};

/// Immutable; built once a transform.
struct FftTables {
  FftKind kind = FftKind::kAny;
  int n_fft = 0;
  int n_bins = 0;                         ///< n_fft / 2 + 1
  std::vector<std::uint32_t> slots;       ///< [n_samples] offset in floats of a sample's vector in the FFT's input
  std::vector<std::uint32_t> zero_slots;  ///< input vectors that hold no sample and must be zero
  std::vector<Twiddle> twiddles;          ///< k512: [32][8], of column and bin; kAny: of all stages
  std::vector<Twiddle> row_twiddles;      ///< k400: [5][5], n/25 turns; k512: [4][8], n/32 turns
  std::vector<Twiddle> odd_twiddles;      ///< k512: [16], n/64 turns, then [4][4], n/16 turns
  std::vector<std::uint32_t>
      power_slots;  ///< k400: [9][25], k512: [8][32]: offset in floats of bin (k1, k2) in the power spectrum
  std::vector<FftStage> stages;   ///< kAny
  std::vector<Twiddle> untangle;  ///< kAny: [n_fft / 2 + 1]
};

/// Vectors between two columns of a fixed plan's input: 16 and a little, so that a row of columns does not fall into
/// few cache sets.
inline constexpr int kColumnStride = 18;
/// Samples that the 512-point plan takes: 13 of its 16 rows.
inline constexpr int kMaxSamplesOf512 = 13 * 32;

/// Vectors that the input buffer of a transform of n_fft points must hold.
constexpr std::size_t fft_input_vectors(int n_fft) noexcept {
  return static_cast<std::size_t>(n_fft) * kColumnStride / 16;
}

/// @param n_fft even, 2^a 3^b 5^c. @param n_samples <= n_fft. @param n_lanes floats of a vector.
FftTables fft_tables(int n_fft, int n_samples, int n_lanes);

}  // namespace melstream::engine::cpu
