// From spectra to base rows: power, mel filters, logarithm, cepstra, where rows go, and their maxima.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/engine/tables.hpp"

#include "tests/engine/cuda/host_warp.hpp"

namespace melstream::engine::cuda {
namespace {

constexpr float kUnwritten = 1e30F;
constexpr std::size_t kFrames = 4;

FrontEndSpec spec_of(const char* name) { return FrontEndCatalog().find(name)->spec(); }

/// The kernel's parameters for a front end, with spectra at random.
class Rows {
 public:
  explicit Rows(const FrontEndSpec& spec, std::uint32_t seed = 1)
      : spec_(spec), filters_(mel_filters(spec.mel, spec.transform.n_fft)) {
    params_.n_frames = kFrames;
    params_.n_bins = spec.transform.n_fft / 2 + 1;
    params_.n_mels = spec.mel.n_mels;
    params_.first_bin = filters_.first_bin.data();
    params_.offset = filters_.offset.data();
    params_.weights = filters_.weights.data();
    params_.log = spec.log;
    if (spec.cepstrum) {
      cepstrum_ = cepstrum_matrix(*spec.cepstrum, spec.mel.n_mels);
      params_.cepstrum = cepstrum_.data();
      params_.n_ceps = spec.cepstrum->n_ceps;
      params_.energy_first = spec.cepstrum->energy == EnergyTerm::kRawEnergy;
    }
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> exponent(-6.0F, 6.0F);
    const auto number = [&] { return std::exp(exponent(random)) * (random() % 2 == 0 ? 1.0F : -1.0F); };
    for (std::size_t i = 0; i < kFrames * n_bins(); ++i) spectra_.push_back({number(), number()});
    params_.spectra = spectra_.data();
    energy_ = {1e9F, 25.0F, 0.0F, 1e-9F};
    params_.energy = params_.energy_first ? energy_.data() : nullptr;
  }

  RowsParams& params() { return params_; }
  std::size_t n_bins() const { return static_cast<std::size_t>(params_.n_bins); }
  std::size_t n_values() const { return static_cast<std::size_t>(params_.n_values()); }
  void set_spectrum(std::size_t frame, float value) {
    std::fill_n(spectra_.begin() + static_cast<std::ptrdiff_t>(frame * n_bins()), n_bins(), Complex{value, 0.0F});
  }

  template <typename Warp = test::HostWarp>
  std::vector<float> run(std::size_t n_floats) {
    std::vector<float> rows(n_floats, kUnwritten);
    params_.rows = rows.data();
    for (int frame = 0; frame < params_.n_frames; ++frame) {
      std::vector<float> scratch(n_bins() + static_cast<std::size_t>(params_.n_mels),
                                 std::numeric_limits<float>::quiet_NaN());
      compute_row(Warp(), params_, frame, scratch.data());
    }
    return rows;
  }

  std::vector<double> definition(std::size_t frame) const {
    std::vector<double> mels;
    for (std::size_t m = 0; m < filters_.first_bin.size(); ++m) {
      double sum = 0.0;
      for (std::int32_t i = filters_.offset[m]; i < filters_.offset[m + 1]; ++i) {
        const Complex x =
            spectra_[frame * n_bins() + static_cast<std::size_t>(filters_.first_bin[m] + i - filters_.offset[m])];
        sum += double{filters_.weights[static_cast<std::size_t>(i)]} * (double{x.re} * x.re + double{x.im} * x.im);
      }
      mels.push_back(log_of(sum));
    }
    if (!spec_.cepstrum) return mels;
    std::vector<double> cepstra;
    for (std::size_t i = 0; i < n_values(); ++i) {
      double sum = 0.0;
      for (std::size_t j = 0; j < mels.size(); ++j) sum += double{cepstrum_[i * mels.size() + j]} * mels[j];
      cepstra.push_back(sum);
    }
    if (params_.energy_first) cepstra[0] = std::log(std::max<double>(energy_[frame], spec_.log.floor_value));
    return cepstra;
  }

 private:
  double log_of(double v) const {
    const double floor = spec_.log.floor_value;
    if (spec_.log.base == LogBase::kNone) return v;
    const double x = spec_.log.floor == LogFloor::kMax ? std::max(v, floor) : v + floor;
    return spec_.log.base == LogBase::kTen ? std::log10(x) : std::log(x);
  }

  FrontEndSpec spec_;
  MelFilters filters_;
  std::vector<float> cepstrum_;
  std::vector<Complex> spectra_;
  std::vector<float> energy_;
  RowsParams params_;
};

/// Rows one after another, as for assembling.
void expect_definition(Rows rows, double relative, double absolute) {
  const std::size_t n_values = rows.n_values();
  const std::vector<float> actual = rows.run(kFrames * n_values + 1);
  for (std::size_t frame = 0; frame < kFrames; ++frame) {
    const std::vector<double> expected = rows.definition(frame);
    for (std::size_t i = 0; i < n_values; ++i) {
      EXPECT_NEAR(actual[frame * n_values + i], expected[i], absolute + relative * std::abs(expected[i]))
          << "frame " << frame << " value " << i;
    }
  }
  EXPECT_EQ(actual.back(), kUnwritten);
  EXPECT_EQ(rows.run<test::WarpOnHost<true>>(kFrames * n_values + 1), actual)
      << "depends on the order in which lanes run";
}

TEST(RowsKernel, EqualsTheFiltersInDoubleForAnyNumberOfMels) {
  FrontEndSpec spec = spec_of("librosa-80");  // no logarithm: errors are seen as they are
  for (const int n_mels : {1, 3, 23, 31, 32, 33, 80, 126, 128, 512}) {
    SCOPED_TRACE(n_mels);
    spec.mel.n_mels = n_mels;
    expect_definition(Rows(spec, static_cast<std::uint32_t>(n_mels)), 1e-6, 0.0);
  }
}

TEST(RowsKernel, TakesEveryFrontEndsLogarithm) {
  for (const char* name : {"whisper-80", "whisper-128", "kaldi-80", "nemo-128", "funasr-80", "torchaudio-80"}) {
    SCOPED_TRACE(name);
    expect_definition(Rows(spec_of(name)), 3e-7, 1e-6);
  }
}

TEST(RowsKernel, SilenceIsTheFloor) {
  for (const auto& [name, floor] :
       {std::pair{"whisper-80", -10.0F}, {"kaldi-80", -15.942385F}, {"nemo-80", -16.635532F}}) {
    Rows rows(spec_of(name));
    rows.set_spectrum(1, 0.0F);
    const std::size_t n_values = rows.n_values();
    const std::vector<float> actual = rows.run(kFrames * n_values);
    for (std::size_t i = 0; i < n_values; ++i) EXPECT_FLOAT_EQ(actual[n_values + i], floor) << name;
  }
}

TEST(RowsKernel, CepstraEqualTheMatrixInDoubleAndEnergyReplacesTheFirst) {
  expect_definition(Rows(spec_of("mfcc-13")), 1e-6, 2e-5);
  expect_definition(Rows(spec_of("mfcc-13-c0")), 1e-6, 2e-5);
  FrontEndSpec wide = spec_of("mfcc-13");  // more cepstra than lanes
  wide.mel.n_mels = 60;
  wide.cepstrum->n_ceps = 45;
  expect_definition(Rows(wide), 1e-6, 1e-4);
}

TEST(RowsKernel, RowsAndMaximaGoToTheirPlacesAndUnwantedFramesNowhere) {
  for (const char* name : {"whisper-80", "mfcc-13"}) {
    SCOPED_TRACE(name);
    Rows rows(spec_of(name));
    const auto n = static_cast<std::int32_t>(rows.n_values());
    // Out of order, with holes; frame 1 is not wanted, frame 3 wants no maximum.
    const std::vector<RowPlace> places = {{2 * n + 5, 1}, {-1, -1}, {3, 0}, {n + 4, -1}};
    const std::vector<float> in_order = rows.run(kFrames * rows.n_values());
    rows.params().places = places.data();
    const std::vector<float> placed = rows.run(3 * rows.n_values() + 6);
    std::vector<float> expected(placed.size(), kUnwritten);
    for (std::size_t frame = 0; frame < kFrames; ++frame) {
      if (places[frame].values < 0) continue;
      const auto row = in_order.begin() + static_cast<std::ptrdiff_t>(frame) * n;
      std::copy(row, row + n, expected.begin() + places[frame].values);
      if (places[frame].maximum >= 0) {
        expected[static_cast<std::size_t>(places[frame].maximum)] = *std::max_element(row, row + n);
      }
    }
    EXPECT_EQ(placed, expected);
  }
}

TEST(RowsKernel, MaximumIsFoundAtEveryPlace) {
  FrontEndSpec spec = spec_of("whisper-80");
  for (const int n_mels : {1, 32, 80}) {
    spec.mel.n_mels = n_mels;
    for (std::uint32_t seed = 0; seed < 60; ++seed) {
      Rows rows(spec, seed);
      const std::vector<RowPlace> places(kFrames, RowPlace{1, 0});
      rows.params().places = places.data();
      rows.params().n_frames = 1;
      const std::vector<float> row = rows.run(rows.n_values() + 1);
      EXPECT_EQ(row[0], *std::max_element(row.begin() + 1, row.end())) << n_mels << ' ' << seed;
    }
  }
}

}  // namespace
}  // namespace melstream::engine::cuda
