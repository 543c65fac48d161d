#include "tests/support/oracle.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "tests/support/oracle_spectrum.hpp"

namespace melstream::test {
namespace {

using engine::FrontEndSpec;
using engine::MelScale;
using engine::Smoothing;

constexpr double kPi = std::numbers::pi;
constexpr double kRateHz = 16000.0;

double to_mel(MelScale scale, double hz) {
  switch (scale) {
    case MelScale::kSlaney:
      return hz < 1000 ? 3 * hz / 200 : 15 + 27 * std::log(hz / 1000) / std::log(6.4);
    case MelScale::kKaldi:
      return 1127 * std::log(1 + hz / 700);
    case MelScale::kHtk:
      return 2595 * std::log10(1 + hz / 700);
  }
  return 0.0;
}

double to_hz(MelScale scale, double mel) {
  switch (scale) {
    case MelScale::kSlaney:
      return mel < 15 ? 200 * mel / 3 : 1000 * std::exp((mel - 15) * std::log(6.4) / 27);
    case MelScale::kKaldi:
      return 700 * (std::exp(mel / 1127) - 1);
    case MelScale::kHtk:
      return 700 * (std::pow(10, mel / 2595) - 1);
  }
  return 0.0;
}

/// [n_mels][n_fft / 2 + 1]
DoubleMatrix filters_of(const engine::MelSpec& mel, int n_fft) {
  const auto bins = static_cast<std::size_t>(n_fft) / 2 + 1;
  const auto n_mels = static_cast<std::size_t>(mel.n_mels);
  DoubleMatrix filters{n_mels, bins, std::vector<double>(n_mels * bins)};
  const bool in_mel = mel.scale == MelScale::kKaldi;
  const double low = to_mel(mel.scale, mel.f_min_hz);
  const double step = (to_mel(mel.scale, mel.f_max_hz) - low) / (mel.n_mels + 1);
  const auto corner = [&](std::size_t i) {
    const double point = low + static_cast<double>(i) * step;
    return in_mel ? point : to_hz(mel.scale, point);
  };
  for (std::size_t m = 0; m < n_mels; ++m) {
    const double left = corner(m);
    const double centre = corner(m + 1);
    const double right = corner(m + 2);
    const double norm = mel.norm == engine::MelNorm::kSlaney ? 2 / (right - left) : 1.0;
    for (std::size_t k = 0; k + (in_mel ? 1 : 0) < bins; ++k) {
      const double hz = static_cast<double>(k) * kRateHz / n_fft;
      const double x = in_mel ? to_mel(mel.scale, hz) : hz;
      const double height = std::min((x - left) / (centre - left), (right - x) / (right - centre));
      // The genuine codes hold their weights in float32.
      filters.at(m, k) = static_cast<float>(std::max(0.0, height) * norm);
    }
  }
  return filters;
}

double log_of(const engine::LogSpec& log, double v) {
  const double floor = log.floor_value;
  const double x = log.floor == engine::LogFloor::kMax ? std::max(v, floor) : v + floor;
  switch (log.base) {
    case engine::LogBase::kNone:
      return v;
    case engine::LogBase::kTen:
      return std::log10(x);
    case engine::LogBase::kE:
      return std::log(x);
  }
  return 0.0;
}

/// c_i = lifter(i) sum_j D_ij e_j.
std::vector<double> cepstra_of(const FrontEndSpec& spec, std::span<const double> log_mels, double energy) {
  std::vector<double> cepstra;
  const auto n = static_cast<double>(log_mels.size());
  for (int i = 0; i < spec.cepstrum->n_ceps; ++i) {
    double sum = 0.0;
    for (std::size_t j = 0; j < log_mels.size(); ++j) {
      sum += std::sqrt((i == 0 ? 1.0 : 2.0) / n) * std::cos(kPi / n * (static_cast<double>(j) + 0.5) * i) * log_mels[j];
    }
    const double q = spec.cepstrum->lifter;
    cepstra.push_back(q > 0 ? sum * (1 + q / 2 * std::sin(kPi * i / q)) : sum);
  }
  if (spec.cepstrum->energy == engine::EnergyTerm::kRawEnergy) {
    cepstra[0] = std::log(std::max(energy, double{spec.log.floor_value}));
  }
  return cepstra;
}

DoubleMatrix base_frames(const FrontEndSpec& spec, std::span<const float> samples) {
  const std::vector<double> x = oracle_signal(spec.transform, samples);
  const DoubleMatrix filters = filters_of(spec.mel, spec.transform.n_fft);
  DoubleMatrix frames;
  frames.rows =
      static_cast<std::size_t>(oracle_frame_count(spec.transform.geometry, static_cast<std::int64_t>(x.size())));
  frames.cols = static_cast<std::size_t>(spec.cepstrum ? spec.cepstrum->n_ceps : spec.mel.n_mels);
  for (std::size_t t = 0; t < frames.rows; ++t) {
    const Spectrum spectrum = oracle_spectrum(spec.transform, x, static_cast<std::int64_t>(t));
    std::vector<double> values;
    for (std::size_t m = 0; m < filters.rows; ++m) {
      double sum = 0.0;
      for (std::size_t k = 0; k < filters.cols; ++k) sum += filters.at(m, k) * spectrum.power[k];
      values.push_back(log_of(spec.log, sum));
    }
    if (spec.cepstrum) values = cepstra_of(spec, values, spectrum.energy);
    frames.values.insert(frames.values.end(), values.begin(), values.end());
  }
  return frames;
}

/// Mean over the 3x3 neighbourhood of every cell, of the cells that exist.
DoubleMatrix smoothed(const DoubleMatrix& v) {
  DoubleMatrix out{v.rows, v.cols, {}};
  const auto rows = static_cast<std::int64_t>(v.rows);
  const auto cols = static_cast<std::int64_t>(v.cols);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < cols; ++c) {
      double sum = 0.0;
      int cells = 0;
      for (std::int64_t i = std::max<std::int64_t>(0, r - 1); i <= std::min(rows - 1, r + 1); ++i) {
        for (std::int64_t j = std::max<std::int64_t>(0, c - 1); j <= std::min(cols - 1, c + 1); ++j) {
          sum += v.at(static_cast<std::size_t>(i), static_cast<std::size_t>(j));
          ++cells;
        }
      }
      out.values.push_back(sum / cells);
    }
  }
  return out;
}

/// Without the outermost rows and columns.
DoubleMatrix inner(const DoubleMatrix& v) {
  DoubleMatrix out{v.rows < 3 ? 0 : v.rows - 2, v.cols - 2, {}};
  for (std::size_t r = 0; r < out.rows; ++r) {
    for (std::size_t c = 0; c < out.cols; ++c) out.values.push_back(v.at(r + 1, c + 1));
  }
  return out;
}

/// Row i is base frames clamp(n i - floor(m/2) + k, 0, T-1), k = 0..m-1, side by side.
DoubleMatrix stacked(const DoubleMatrix& v, const engine::LowFrameRate& lfr) {
  const auto frames = static_cast<std::int64_t>(v.rows);
  DoubleMatrix out{0, v.cols * static_cast<std::size_t>(lfr.m), {}};
  for (std::int64_t first = 0; first < frames; first += lfr.n) {
    ++out.rows;
    for (std::int64_t k = 0; k < lfr.m; ++k) {
      const auto t = static_cast<std::size_t>(std::clamp<std::int64_t>(first - lfr.m / 2 + k, 0, frames - 1));
      for (std::size_t c = 0; c < v.cols; ++c) out.values.push_back(v.at(t, c));
    }
  }
  return out;
}

}  // namespace

DoubleMatrix oracle_rows(const FrontEndSpec& spec, Smoothing smoothing, std::span<const float> samples) {
  DoubleMatrix rows = base_frames(spec, samples);
  if (smoothing != Smoothing::kNone) rows = smoothed(rows);
  if (smoothing == Smoothing::kBox3x3Valid) rows = inner(rows);
  if (!(spec.lfr == engine::LowFrameRate{})) rows = stacked(rows, spec.lfr);
  if (spec.cmvn) {
    for (std::size_t r = 0; r < rows.rows; ++r) {
      for (std::size_t c = 0; c < rows.cols; ++c) {
        rows.at(r, c) = (rows.at(r, c) + spec.cmvn->shift[c]) * spec.cmvn->scale[c];
      }
    }
  }
  return rows;
}

Matrix to_float(const DoubleMatrix& matrix) {
  return {matrix.rows, matrix.cols, std::vector<float>(matrix.values.begin(), matrix.values.end())};
}

Tolerance float_tolerance(const FrontEndSpec& spec) {
  Tolerance t;
  t.group = static_cast<std::size_t>(spec.cepstrum ? spec.cepstrum->n_ceps : spec.mel.n_mels);
  t.lam = 1e-6;
  t.kappa = 3e-6;
  if (spec.cepstrum) {
    t.rule = Tolerance::Rule::kAbs;
    t.atol = 2e-3;
  } else if (spec.log.base == engine::LogBase::kNone) {
    t.rule = Tolerance::Rule::kLinear;
    t.rtol = 2e-5;
  } else {
    t.rule = Tolerance::Rule::kLog;
    t.base = spec.log.base == engine::LogBase::kTen ? 10.0 : std::numbers::e;
    t.atol = spec.log.base == engine::LogBase::kTen ? 1e-5 : 3e-5;
  }
  return t;
}

}  // namespace melstream::test
