// Windows, filters and the cepstrum matrix by their properties: symmetry, partition of unity, areas, orthonormality.
#include "melstream/engine/tables.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

namespace melstream::engine {
namespace {

constexpr MelSpec kWhisper{80, MelScale::kSlaney, MelNorm::kSlaney, 0.0, 8000.0};
constexpr MelSpec kKaldi{80, MelScale::kKaldi, MelNorm::kNone, 20.0, 7600.0};
constexpr MelSpec kHtk{80, MelScale::kHtk, MelNorm::kNone, 0.0, 8000.0};

/// [n_mels][n_bins] with the zeros filled in.
std::vector<std::vector<double>> dense(const MelSpec& spec, int n_fft) {
  const MelFilters filters = mel_filters(spec, n_fft);
  std::vector<std::vector<double>> rows;
  for (std::size_t m = 0; m + 1 < filters.offset.size(); ++m) {
    std::vector<double> row(static_cast<std::size_t>(n_fft / 2 + 1));
    for (std::int32_t i = filters.offset[m]; i < filters.offset[m + 1]; ++i) {
      row.at(static_cast<std::size_t>(filters.first_bin[m] + i - filters.offset[m])) =
          filters.weights[static_cast<std::size_t>(i)];
    }
    rows.push_back(row);
  }
  return rows;
}

TEST(Windows, AreSymmetricOrPeriodic) {
  for (const int n : {2, 25, 400, 401}) {
    for (const WindowShape shape : {WindowShape::kHannSymmetric, WindowShape::kHammingSymmetric, WindowShape::kPovey}) {
      const auto w = window_weights(shape, n);
      ASSERT_EQ(w.size(), static_cast<std::size_t>(n));
      for (std::size_t i = 0; i < w.size(); ++i) EXPECT_NEAR(w[i], w[w.size() - 1 - i], 1e-7) << n << ", " << i;
    }
    const auto periodic = window_weights(WindowShape::kHannPeriodic, n);
    EXPECT_EQ(periodic[0], 0.0F);
    for (std::size_t i = 1; i < periodic.size(); ++i) EXPECT_NEAR(periodic[i], periodic[periodic.size() - i], 1e-7);
  }
}

TEST(Windows, HaveTheirKnownValues) {
  EXPECT_EQ(window_weights(WindowShape::kHannPeriodic, 400)[200], 1.0F);
  EXPECT_EQ(window_weights(WindowShape::kHannPeriodic, 400)[100], 0.5F);
  EXPECT_LT(window_weights(WindowShape::kHannSymmetric, 400)[200], 1.0F);
  EXPECT_EQ(window_weights(WindowShape::kHannSymmetric, 401)[200], 1.0F);
  EXPECT_FLOAT_EQ(window_weights(WindowShape::kHammingSymmetric, 400)[0], 0.08F);
  const auto povey = window_weights(WindowShape::kPovey, 401);
  EXPECT_EQ(povey.front(), 0.0F);
  EXPECT_EQ(povey.back(), 0.0F);
  EXPECT_FLOAT_EQ(povey[100], std::pow(0.5F, 0.85F));
}

TEST(Windows, PeriodicHannOverlapsToOne) {
  const auto w = window_weights(WindowShape::kHannPeriodic, 400);
  for (std::size_t i = 0; i < 200; ++i) EXPECT_NEAR(w[i] + w[i + 200], 1.0, 1e-7);
}

TEST(MelFilters, StoreNoZeroAtEitherEnd) {
  for (const MelSpec& spec : {kWhisper, kKaldi, kHtk, MelSpec{512, MelScale::kSlaney, MelNorm::kSlaney, 0.0, 8000.0}}) {
    for (const int n_fft : {400, 512, 4096}) {
      const MelFilters filters = mel_filters(spec, n_fft);
      const auto n_mels = static_cast<std::size_t>(spec.n_mels);
      ASSERT_EQ(filters.first_bin.size(), n_mels);
      ASSERT_EQ(filters.offset.size(), n_mels + 1);
      EXPECT_EQ(filters.offset.front(), 0);
      EXPECT_EQ(static_cast<std::size_t>(filters.offset.back()), filters.weights.size());
      for (std::size_t m = 0; m < n_mels; ++m) {
        const std::int32_t size = filters.offset[m + 1] - filters.offset[m];
        ASSERT_GE(size, 0);
        if (size == 0) continue;
        EXPECT_GT(filters.weights[static_cast<std::size_t>(filters.offset[m])], 0.0F);
        EXPECT_GT(filters.weights[static_cast<std::size_t>(filters.offset[m + 1] - 1)], 0.0F);
        EXPECT_GE(filters.first_bin[m], 0);
        EXPECT_LE(filters.first_bin[m] + size, n_fft / 2 + 1);
      }
    }
  }
}

TEST(MelFilters, OfAFineGridAreNeverEmptyAndOfACoarseOneMayBe) {
  const auto n_empty = [](const MelSpec& spec, int n_fft) {
    const MelFilters filters = mel_filters(spec, n_fft);
    int n = 0;
    for (std::size_t m = 0; m + 1 < filters.offset.size(); ++m) n += filters.offset[m] == filters.offset[m + 1] ? 1 : 0;
    return n;
  };
  EXPECT_EQ(n_empty(kWhisper, 400), 0);
  EXPECT_EQ(n_empty(kKaldi, 512), 0);
  EXPECT_GT(n_empty({512, MelScale::kSlaney, MelNorm::kSlaney, 0.0, 8000.0}, 64), 0);
}

TEST(MelFilters, TrianglesOfHeightOneAddUpToOneBetweenTheFirstAndTheLastCentre) {
  for (const MelSpec& spec : {kKaldi, kHtk}) {
    const auto rows = dense(spec, 4096);
    std::size_t begin = 0;  // first bin at or above the first centre
    while (rows[1][begin] == 0.0) ++begin;
    std::size_t end = 2048;  // first bin at or above the last centre
    while (rows[rows.size() - 2][end - 1] == 0.0) --end;
    ASSERT_GT(end, begin + 1000);
    for (std::size_t k = begin; k < end; ++k) {
      double sum = 0.0;
      for (const auto& row : rows) sum += row[k];
      EXPECT_NEAR(sum, 1.0, 1e-6) << "bin " << k;
    }
  }
}

TEST(MelFilters, AreLargestAtTheirCentres) {
  constexpr int kFine = 16384;
  for (const MelScale scale : {MelScale::kSlaney, MelScale::kKaldi, MelScale::kHtk}) {
    const MelSpec spec{.n_mels = 40, .scale = scale, .norm = MelNorm::kNone, .f_min_hz = 20.0, .f_max_hz = 7600.0};
    const MelFilters filters = mel_filters(spec, kFine);
    const std::vector<double> centres = mel_centres_hz(spec);
    ASSERT_EQ(centres.size(), 40U);
    for (std::size_t m = 0; m < centres.size(); ++m) {
      const auto begin = filters.weights.begin() + filters.offset[m];
      const auto largest = std::max_element(begin, filters.weights.begin() + filters.offset[m + 1]) - begin;
      EXPECT_NEAR(centres[m], (filters.first_bin[m] + largest) * 16000.0 / kFine, 16000.0 / kFine) << m;
    }
  }
}

TEST(MelFilters, SlaneyNormMakesEveryAreaOne) {
  const int n_fft = 4096;
  const auto rows = dense(kWhisper, n_fft);
  for (std::size_t m = 0; m < rows.size(); ++m) {
    double area = 0.0;
    for (const double w : rows[m]) area += w * 16000.0 / n_fft;
    EXPECT_NEAR(area, 1.0, 0.02) << "filter " << m;
  }
}

TEST(MelFilters, SlaneyCentresLieWhereTheScaleSays) {
  // Below 1000 Hz the scale is linear, 200/3 Hz a mel.
  const MelSpec linear{14, MelScale::kSlaney, MelNorm::kNone, 0.0, 1000.0};
  const auto rows = dense(linear, 480);  // bins every 33.3 Hz, corners every 66.7 Hz
  for (std::size_t m = 0; m < rows.size(); ++m) {
    EXPECT_FLOAT_EQ(static_cast<float>(rows[m][2 * m + 2]), 1.0F);
    EXPECT_FLOAT_EQ(static_cast<float>(rows[m][2 * m + 1]), 0.5F);
    EXPECT_FLOAT_EQ(static_cast<float>(rows[m][2 * m + 3]), 0.5F);
    EXPECT_NEAR(rows[m][2 * m], 0.0, 1e-7);
  }
}

TEST(MelFilters, KaldiNeverUsesTheNyquistBin) {
  const MelSpec to_nyquist{80, MelScale::kKaldi, MelNorm::kNone, 20.0, 8000.0};
  for (const auto& row : dense(to_nyquist, 512)) EXPECT_EQ(row[256], 0.0);
  // The last filter still falls towards it, so that the bin below has weight.
  EXPECT_GT(dense(to_nyquist, 512).back()[255], 0.0);
}

TEST(MelFilters, ReachNoFurtherThanTheirRange) {
  for (const MelSpec& spec : {kKaldi, MelSpec{40, MelScale::kHtk, MelNorm::kSlaney, 300.0, 3400.0}}) {
    for (const auto& row : dense(spec, 512)) {
      for (std::size_t k = 0; k < row.size(); ++k) {
        const double hz = static_cast<double>(k) * 31.25;
        if (hz > spec.f_min_hz && hz < spec.f_max_hz) continue;
        EXPECT_EQ(row[k], 0.0) << hz << " Hz";
      }
    }
  }
}

TEST(CepstrumMatrix, IsOrthonormalWithoutLifter) {
  constexpr std::size_t kSize = 23;
  const auto matrix = cepstrum_matrix({kSize, 0.0F, EnergyTerm::kCepstrum}, kSize);
  for (std::size_t a = 0; a < kSize; ++a) {
    for (std::size_t b = 0; b < kSize; ++b) {
      double dot = 0.0;
      for (std::size_t j = 0; j < kSize; ++j) dot += double{matrix[a * kSize + j]} * matrix[b * kSize + j];
      EXPECT_NEAR(dot, a == b ? 1.0 : 0.0, 1e-6) << a << ", " << b;
    }
  }
}

TEST(CepstrumMatrix, LifterRaisesTheMiddleCepstra) {
  const auto plain = cepstrum_matrix({13, 0.0F, EnergyTerm::kCepstrum}, 23);
  const auto liftered = cepstrum_matrix({13, 22.0F, EnergyTerm::kCepstrum}, 23);
  for (std::size_t i = 0; i < 13; ++i) {
    const double lifter = 1.0 + 11.0 * std::sin(std::numbers::pi * static_cast<double>(i) / 22.0);
    for (std::size_t j = 0; j < 23; ++j) EXPECT_NEAR(liftered[i * 23 + j], lifter * plain[i * 23 + j], 1e-6);
  }
}

}  // namespace
}  // namespace melstream::engine
