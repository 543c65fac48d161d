// From power spectra to rows: logarithms, filters, cepstra, and which row gets what.
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/engine/cpu/kernels.hpp"
#include "melstream/engine/tables.hpp"

namespace melstream::engine::cpu {
namespace {

/// Runs rows() on spectra given frame by frame.
struct RowRun {
  std::vector<std::vector<float>> rows;
  std::vector<float> maxima;
};
RowRun run(const Kernels& kernels, const RowTables& tables, const std::vector<std::vector<float>>& power,
           const std::vector<float>& energy = {}) {
  static const Workspace workspace;
  const auto n_lanes = static_cast<std::size_t>(kernels.n_lanes);
  RowRun result{
      std::vector<std::vector<float>>(n_lanes, std::vector<float>(static_cast<std::size_t>(tables.n_values()))),
      std::vector<float>(n_lanes)};
  RowSinks sinks;
  for (std::size_t lane = 0; lane < n_lanes; ++lane) {
    for (std::size_t k = 0; k < power[lane].size(); ++k) workspace.power()[k * n_lanes + lane] = power[lane][k];
    if (!energy.empty()) workspace.energy()[lane] = energy[lane];
    sinks.rows[lane] = result.rows[lane].data();
    sinks.maxima[lane] = &result.maxima[lane];
  }
  kernels.rows(tables, workspace, sinks);
  return result;
}

/// One filter of weight 1 a bin: the rows are the logarithms of the spectra.
RowTables one_to_one(int n_bins, const LogSpec& log, int n_lanes) {
  RowTables tables;
  tables.n_mels = n_bins;
  tables.log = log;
  for (int k = 0; k < n_bins; ++k) {
    tables.first_bin.push_back(static_cast<std::uint32_t>(k * n_lanes));
    tables.n_pairs.push_back(1);
    tables.weights.insert(tables.weights.end(), {1.0F, 0.0F});
  }
  return tables;
}

std::vector<std::vector<float>> random_powers(const Kernels& kernels, std::size_t n_bins, double low, double high,
                                              std::uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> exponent(std::log(low), std::log(high));
  std::vector<std::vector<float>> powers(static_cast<std::size_t>(kernels.n_lanes), std::vector<float>(n_bins));
  for (auto& frame : powers) {
    for (float& value : frame) value = static_cast<float>(std::exp(exponent(random)));
  }
  return powers;
}

double ulp_of(double value) {
  const auto magnitude = static_cast<float>(std::abs(value));
  return static_cast<double>(std::nextafter(magnitude, 2.0F * magnitude + 1.0F)) - magnitude;
}

/// Largest error in units of the last place of the result, over many values in [low, high].
double worst_ulps(const Kernels& kernels, LogBase base, double low, double high) {
  constexpr int kBins = 512;
  const RowTables tables = one_to_one(kBins, {base, LogFloor::kMax, 1e-37F}, kernels.n_lanes);
  double worst = 0.0;
  for (std::uint32_t seed = 0; seed < 40; ++seed) {
    const auto powers = random_powers(kernels, kBins, low, high, seed);
    const RowRun result = run(kernels, tables, powers);
    for (std::size_t lane = 0; lane < powers.size(); ++lane) {
      for (std::size_t k = 0; k < kBins; ++k) {
        const double x = powers[lane][k];
        const double expected = base == LogBase::kTen ? std::log10(x) : std::log(x);
        if (expected == 0.0) {
          EXPECT_EQ(result.rows[lane][k], 0.0F);
        } else {
          worst = std::max(worst, std::abs(result.rows[lane][k] - expected) / ulp_of(expected));
        }
      }
    }
  }
  return worst;
}

TEST(Logarithm, IsWithinTwoUlps) {
  for (const Kernels* kernels : runnable_kernels()) {
    for (const auto& [low, high] :
         {std::pair{1e-36, 1e36}, {0.5, 2.0}, {0.99, 1.01}, {0.6666, 0.6667}, {1e-11, 1e-9}}) {
      EXPECT_LE(worst_ulps(*kernels, LogBase::kTen, low, high), 2.1) << kernels->target << ' ' << low << ".." << high;
      EXPECT_LE(worst_ulps(*kernels, LogBase::kE, low, high), 1.5) << kernels->target << ' ' << low << ".." << high;
    }
  }
}

TEST(Logarithm, OfOneIsZeroAndFloorsHold) {
  for (const Kernels* kernels : runnable_kernels()) {
    std::vector<std::vector<float>> powers(static_cast<std::size_t>(kernels->n_lanes), {1.0F, 0.0F, 1e-20F, 3.0F});
    const auto max10 = run(*kernels, one_to_one(4, {LogBase::kTen, LogFloor::kMax, 1e-10F}, kernels->n_lanes), powers);
    EXPECT_EQ(max10.rows[1][0], 0.0F);
    EXPECT_EQ(max10.rows[1][1], -10.0F);
    EXPECT_EQ(max10.rows[1][2], -10.0F);
    const float added = 0x1p-24F;
    const auto add = run(*kernels, one_to_one(4, {LogBase::kE, LogFloor::kAdd, added}, kernels->n_lanes), powers);
    EXPECT_FLOAT_EQ(add.rows[0][1], std::log(added));
    EXPECT_FLOAT_EQ(add.rows[0][3], std::log(3.0F));
    const auto none = run(*kernels, one_to_one(4, {LogBase::kNone, LogFloor::kMax, 0.0F}, kernels->n_lanes), powers);
    EXPECT_EQ(none.rows[2], powers[2]);
    EXPECT_EQ(none.maxima[2], 3.0F);
  }
}

TEST(Rows, EqualTheFiltersInDoubleAndEveryLaneGetsItsOwn) {
  FrontEndSpec spec = FrontEndCatalog().find("librosa-80")->spec();
  for (const Kernels* kernels : runnable_kernels()) {
    for (const int n_mels : {1, 3, 23, 80, 126, 128}) {
      spec.mel.n_mels = n_mels;
      const MelFilters filters = mel_filters(spec.mel, spec.transform.n_fft);
      const auto powers = random_powers(*kernels, 201, 1e-3, 1e3, static_cast<std::uint32_t>(n_mels));
      const RowRun result = run(*kernels, row_tables(spec, kernels->n_lanes), powers);
      for (std::size_t lane = 0; lane < powers.size(); ++lane) {
        double largest = -1.0;
        for (std::size_t m = 0; m < static_cast<std::size_t>(n_mels); ++m) {
          double sum = 0.0;
          for (std::int32_t i = filters.offset[m]; i < filters.offset[m + 1]; ++i) {
            sum += static_cast<double>(filters.weights[static_cast<std::size_t>(i)]) *
                   powers[lane][static_cast<std::size_t>(filters.first_bin[m] + i - filters.offset[m])];
          }
          largest = std::max(largest, sum);
          EXPECT_NEAR(result.rows[lane][m], sum, 2e-6 * sum) << kernels->target << ' ' << n_mels << " mel " << m;
        }
        EXPECT_NEAR(result.maxima[lane], largest, 2e-6 * largest);
      }
    }
  }
}

TEST(Rows, CepstraEqualTheMatrixInDoubleAndEnergyReplacesTheFirst) {
  const FrontEndSpec spec = FrontEndCatalog().find("mfcc-13")->spec();
  const std::vector<float> matrix = cepstrum_matrix(*spec.cepstrum, spec.mel.n_mels);
  for (const Kernels* kernels : runnable_kernels()) {
    RowTables tables = one_to_one(spec.mel.n_mels, spec.log, kernels->n_lanes);
    tables.cepstrum = matrix;
    tables.n_ceps = 13;
    tables.energy_first = true;
    const auto powers = random_powers(*kernels, 23, 1e-3, 1e9, 5);
    std::vector<float> energy(powers.size());
    for (std::size_t lane = 0; lane < energy.size(); ++lane) energy[lane] = 100.0F * static_cast<float>(lane);
    const RowRun result = run(*kernels, tables, powers, energy);
    for (std::size_t lane = 0; lane < powers.size(); ++lane) {
      const double first = std::log(std::max<double>(energy[lane], spec.log.floor_value));
      EXPECT_NEAR(result.rows[lane][0], first, 2e-6 * std::abs(first)) << kernels->target;
      for (std::size_t i = 1; i < 13; ++i) {
        double sum = 0.0;
        for (std::size_t j = 0; j < 23; ++j)
          sum += static_cast<double>(matrix[i * 23 + j]) * std::log(static_cast<double>(powers[lane][j]));
        EXPECT_NEAR(result.rows[lane][i], sum, 2e-4) << kernels->target << " cepstrum " << i;
      }
    }
  }
}

}  // namespace
}  // namespace melstream::engine::cpu
