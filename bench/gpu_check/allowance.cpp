#include "bench/gpu_check/allowance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "melstream/engine/tables.hpp"

#include "bench/gpu_check/report.hpp"
#include "tests/support/extract.hpp"

namespace melstream::bench {
namespace {

using engine::LogBase;
using engine::Smoothing;

/// A front end as far as its logarithm.
std::shared_ptr<const engine::FrontEnd> log_mels_of(const engine::FrontEndSpec& spec) {
  engine::FrontEndSpec plain;
  plain.name = spec.name;
  plain.transform = spec.transform;
  plain.mel = spec.mel;
  plain.log = spec.log;
  return std::make_shared<const engine::FrontEnd>(plain);
}

}  // namespace

test::Tolerance rule_between_engines(const engine::FrontEndSpec& spec) {
  test::Tolerance rule;
  rule.group = static_cast<std::size_t>(spec.mel.n_mels);
  if (spec.log.base == LogBase::kNone) {
    rule.rule = test::Tolerance::Rule::kLinear;
    rule.rtol = 4e-5;
    rule.lam = 4e-5;
    rule.kappa = 6e-6;
    return rule;
  }
  const bool is_ten = spec.log.base == LogBase::kTen;
  rule.rule = test::Tolerance::Rule::kLog;
  rule.base = is_ten ? 10.0 : std::numbers::e;
  rule.atol = is_ten ? 2e-5 : 6e-5;
  rule.lam = is_ten ? 2e-6 : 4e-5;
  rule.kappa = is_ten ? 6e-6 : 1e-5;
  return rule;
}

Allowance::Allowance(engine::Engine& cpu, std::shared_ptr<const engine::FrontEnd> front_end, Smoothing smoothing)
    : cpu_(cpu),
      front_end_(std::move(front_end)),
      smoothing_(smoothing),
      log_mels_(cpu.prepare(log_mels_of(front_end_->spec()), Smoothing::kNone)) {}

Difference Allowance::compare(std::span<const float> clip, const test::Matrix& expected,
                              const test::Matrix& actual) const {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  if (actual.rows != expected.rows || actual.cols != expected.cols) return {kInfinite, "the shape"};
  Difference result;
  const std::vector<double> limits = allowed(clip, expected);
  for (std::size_t i = 0; i < limits.size(); ++i) {
    const double error = std::abs(static_cast<double>(actual.values[i]) - static_cast<double>(expected.values[i]));
    const double share = std::isfinite(actual.values[i]) ? error / limits[i] : kInfinite;
    if (share <= result.worst_share) continue;
    result = {share, text("row %zu, bin %zu: %.7g, CPU %.7g", i / expected.cols, i % expected.cols,
                          static_cast<double>(actual.values[i]), static_cast<double>(expected.values[i]))};
  }
  return result;
}

std::vector<double> Allowance::allowed(std::span<const float> clip, const test::Matrix& expected) const {
  if (expected.values.empty()) return {};
  const engine::FrontEndSpec& spec = front_end_->spec();
  const test::Matrix log_mels = test::whole_clip(cpu_, *log_mels_, clip);
  std::vector<double> limits = test::cell_tolerances(log_mels, rule_between_engines(spec));
  if (spec.cepstrum) limits = through_cepstrum(limits, log_mels);
  if (smoothing_ != Smoothing::kNone) limits = through_smoothing(limits, log_mels.rows, log_mels.cols);
  if (spec.lfr.m > 1) limits = through_stacking(limits, log_mels.rows, expected.rows);
  if (spec.cmvn) {
    for (std::size_t i = 0; i < limits.size(); ++i) {
      limits[i] *= std::abs(static_cast<double>(spec.cmvn->scale[i % expected.cols]));
    }
  }
  return limits;
}

std::vector<double> Allowance::through_cepstrum(const std::vector<double>& base, const test::Matrix& log_mels) const {
  constexpr double kRounding = 1e-6;  // of each term of a sum of two dozen, several units in the last place
  constexpr double kEnergy = 1e-4;    // of the logarithm of a sum of 400 squares
  const engine::CepstrumSpec& spec = *front_end_->spec().cepstrum;
  const std::vector<float> matrix = engine::cepstrum_matrix(spec, front_end_->spec().mel.n_mels);
  const auto n_ceps = static_cast<std::size_t>(spec.n_ceps);
  std::vector<double> limits(log_mels.rows * n_ceps);
  for (std::size_t row = 0; row < log_mels.rows; ++row) {
    for (std::size_t i = 0; i < n_ceps; ++i) {
      double limit = 0.0;
      for (std::size_t j = 0; j < log_mels.cols; ++j) {
        const std::size_t cell = row * log_mels.cols + j;
        limit += std::abs(static_cast<double>(matrix[i * log_mels.cols + j])) *
                 (base[cell] + kRounding * std::abs(static_cast<double>(log_mels.values[cell])));
      }
      const bool is_energy = i == 0 && spec.energy == engine::EnergyTerm::kRawEnergy;
      limits[row * n_ceps + i] = is_energy ? kEnergy : limit;
    }
  }
  return limits;
}

/// The mean of what the cells around may be off by.
std::vector<double> Allowance::through_smoothing(const std::vector<double>& base, std::size_t n_frames,
                                                 std::size_t n_bins) const {
  const std::size_t border = smoothing_ == Smoothing::kBox3x3Valid ? 1 : 0;
  std::vector<double> limits;
  for (std::size_t t = border; t + border < n_frames; ++t) {
    for (std::size_t m = border; m + border < n_bins; ++m) {
      double sum = 0.0;
      int n_cells = 0;
      for (std::size_t i = t > 0 ? t - 1 : 0; i <= std::min(t + 1, n_frames - 1); ++i) {
        for (std::size_t j = m > 0 ? m - 1 : 0; j <= std::min(m + 1, n_bins - 1); ++j, ++n_cells) {
          sum += base[i * n_bins + j];
        }
      }
      limits.push_back(sum / n_cells);
    }
  }
  return limits;
}

std::vector<double> Allowance::through_stacking(const std::vector<double>& base, std::size_t n_frames,
                                                std::size_t n_rows) const {
  const engine::LowFrameRate& lfr = front_end_->spec().lfr;
  const std::size_t n_bins = base.size() / n_frames;
  std::vector<double> limits;
  for (std::size_t row = 0; row < n_rows; ++row) {
    for (int k = 0; k < lfr.m; ++k) {
      const std::int64_t wanted = static_cast<std::int64_t>(row) * lfr.n - lfr.m / 2 + k;
      const auto frame =
          static_cast<std::ptrdiff_t>(std::clamp<std::int64_t>(wanted, 0, static_cast<std::int64_t>(n_frames) - 1));
      const auto begin = base.begin() + frame * static_cast<std::ptrdiff_t>(n_bins);
      limits.insert(limits.end(), begin, begin + static_cast<std::ptrdiff_t>(n_bins));
    }
  }
  return limits;
}

}  // namespace melstream::bench
