#include "melstream/engine/cpu/fft_tables.hpp"

#include <cmath>
#include <numbers>

namespace melstream::engine::cpu {
namespace {

/// [rows][columns] exp(-2 pi i row column / n).
std::vector<Twiddle> twiddle_table(int rows, int columns, int n) {
  std::vector<Twiddle> table;
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) table.push_back(twiddle(row * column, n));
  }
  return table;
}

/// 400 = 16 * 25: sample n = 25 a + 16 b (mod 400) is row a of column b; bin k is (k mod 16, k mod 25).
void plan_400(FftTables* tables, int n_samples, std::uint32_t lanes) {
  tables->slots.resize(400);
  for (int column = 0; column < 25; ++column) {
    for (int row = 0; row < 16; ++row) {
      tables->slots[static_cast<std::size_t>(25 * row + 16 * column) % 400] =
          static_cast<std::uint32_t>(column * kColumnStride + row) * lanes;
    }
  }
  tables->row_twiddles = twiddle_table(5, 5, 25);
  tables->power_slots.resize(std::size_t{9} * 25);
  for (int bin = 0; bin < 400; ++bin) {
    if (bin % 16 > 8) continue;  // bin 400 - k has the power of bin k
    const int k2 = is_conjugated(bin % 16) ? (25 - bin % 25) % 25 : bin % 25;
    const int at = bin % 16 * 25 + k2;
    tables->power_slots[static_cast<std::size_t>(at)] =
        static_cast<std::uint32_t>(bin <= 200 ? bin : 400 - bin) * lanes;
  }
  tables->zero_slots.assign(tables->slots.begin() + n_samples, tables->slots.end());
  tables->slots.resize(static_cast<std::size_t>(n_samples));
}

/// 512 = 16 * 32: sample n = 32 row + column; bin k = k1 + 16 k2.
void plan_512(FftTables* tables, int n_samples, std::uint32_t lanes) {
  tables->slots.resize(kMaxSamplesOf512);
  for (int n = 0; n < kMaxSamplesOf512; ++n) {
    tables->slots[static_cast<std::size_t>(n)] = static_cast<std::uint32_t>(n % 32 * kColumnStride + n / 32) * lanes;
  }
  for (int column = 0; column < 32; ++column) {
    for (int k1 = 0; k1 < 8; ++k1)
      tables->twiddles.push_back(twiddle(is_conjugated(k1) ? -column * k1 : column * k1, 512));
  }
  tables->power_slots.resize(std::size_t{8} * 32);
  for (int k1 = 1; k1 < 8; ++k1) {
    for (int k2 = 0; k2 < 32; ++k2) {
      const int bin = k1 + 16 * (is_conjugated(k1) ? (32 - k2) % 32 : k2);
      const int at = k1 * 32 + k2;
      tables->power_slots[static_cast<std::size_t>(at)] =
          static_cast<std::uint32_t>(bin <= 256 ? bin : 512 - bin) * lanes;
    }
  }
  tables->row_twiddles = twiddle_table(4, 8, 32);
  for (int n = 0; n < 16; ++n) tables->odd_twiddles.push_back(twiddle(n, 64));
  for (const Twiddle& w : twiddle_table(4, 4, 16)) tables->odd_twiddles.push_back(w);
  tables->zero_slots.assign(tables->slots.begin() + n_samples, tables->slots.end());
  tables->slots.resize(static_cast<std::size_t>(n_samples));
}

/// Samples 2i and 2i + 1 are the parts of a complex signal of half the length.
void plan_any(FftTables* tables, int n_samples, std::uint32_t lanes) {
  const int half = tables->n_fft / 2;
  int remaining = half;
  int stride = 1;
  while (remaining > 1) {
    int radix = 5;
    for (const int candidate : {4, 2, 3}) {
      if (remaining % candidate == 0) {
        radix = candidate;
        break;
      }
    }
    const int n_groups = remaining / radix;
    tables->stages.push_back({radix, n_groups, stride, tables->twiddles.size()});
    for (int group = 0; group < n_groups; ++group) {
      for (int k = 1; k < radix; ++k) tables->twiddles.push_back(twiddle(group * k, remaining));
    }
    remaining = n_groups;
    stride *= radix;
  }
  for (int k = 0; k <= half; ++k) tables->untangle.push_back(twiddle(k, tables->n_fft));
  for (int n = 0; n < tables->n_fft; ++n) {
    (n < n_samples ? tables->slots : tables->zero_slots).push_back(static_cast<std::uint32_t>(n) * lanes);
  }
}

}  // namespace

Twiddle twiddle(std::int64_t turn, std::int64_t n) noexcept {
  const double angle = 2.0 * std::numbers::pi * static_cast<double>(turn) / static_cast<double>(n);
  return {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
}

FftTables fft_tables(int n_fft, int n_samples, int n_lanes) {
  FftTables tables;
  tables.n_fft = n_fft;
  tables.n_bins = n_fft / 2 + 1;
  const auto lanes = static_cast<std::uint32_t>(n_lanes);
  if (n_fft == 400) {
    tables.kind = FftKind::k400;
    plan_400(&tables, n_samples, lanes);
  } else if (n_fft == 512 && n_samples <= kMaxSamplesOf512) {
    tables.kind = FftKind::k512;
    plan_512(&tables, n_samples, lanes);
  } else {
    tables.kind = FftKind::kAny;
    plan_any(&tables, n_samples, lanes);
  }
  return tables;
}

}  // namespace melstream::engine::cpu
