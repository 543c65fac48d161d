#include "client/diagnosis.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "client/number_text.hpp"

namespace melstream::client {
namespace {

using Cause = Diagnosis::Cause;

/// Frames at each end that an edge rule can reach: a window of 400 samples spans at most three hops of 160.
constexpr std::int64_t kEdgeFrames = 3;
/// Share of the cells that must follow a pattern before it is named.
constexpr double kMostCells = 0.95;
/// What float32 adds to an offset of logarithms that is constant otherwise.
constexpr double kRounding = 2e-6;

/// One cell of both matrices.
struct Pair {
  double actual;
  double reference;
  bool bad;
  bool at_floor;  ///< within a factor of ten of power above the smallest value of either matrix
};

double floor_margin(const Tolerance& tolerance) {
  return tolerance.kind == Tolerance::Kind::kLog ? std::log(10.0) / std::log(tolerance.base) : 0.3;
}

std::vector<Pair> pair_cells(const FeatureMatrix& actual, const FeatureMatrix& reference, const Tolerance& tolerance,
                             std::int64_t n_frames) {
  const auto n_cells = static_cast<std::size_t>(n_frames * reference.bins);
  std::vector<Pair> pairs;
  pairs.reserve(n_cells);
  if (n_cells == 0) return pairs;
  const auto end_of = [&](const FeatureMatrix& m) { return m.values.begin() + static_cast<std::ptrdiff_t>(n_cells); };
  const double margin = floor_margin(tolerance);
  const double low_actual = *std::min_element(actual.values.begin(), end_of(actual)) + margin;
  const double low_reference = *std::min_element(reference.values.begin(), end_of(reference)) + margin;
  std::vector<double> allowed;
  for (std::int64_t frame = 0; frame < n_frames; ++frame) {
    const auto a = actual.row(frame);
    const auto v = reference.row(frame);
    allowed_differences(v, tolerance, allowed);
    for (std::size_t bin = 0; bin < v.size(); ++bin) {
      const bool bad = std::abs(static_cast<double>(a[bin]) - static_cast<double>(v[bin])) > allowed[bin];
      pairs.push_back({a[bin], v[bin], bad, a[bin] <= low_actual || v[bin] <= low_reference});
    }
  }
  return pairs;
}

std::optional<Diagnosis> edge(const std::vector<Pair>& pairs, int bins, std::int64_t n_frames) {
  // With fewer frames every one is near an edge: the pattern would prove nothing.
  if (n_frames <= 4 * kEdgeFrames) return std::nullopt;
  bool first = false;
  bool last = false;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (!pairs[i].bad) continue;
    const auto frame = static_cast<std::int64_t>(i) / bins;
    if (frame >= kEdgeFrames && frame < n_frames - kEdgeFrames) return std::nullopt;
    (frame < kEdgeFrames ? first : last) = true;
  }
  if (!first && !last) return std::nullopt;
  const char* where = first && last ? "first and last" : (first ? "first" : "last");
  return Diagnosis{Cause::kEdge, std::string("only the ") + where +
                                     " frames differ: edge padding (reflection with or without repeating the edge, "
                                     "zeros, or where frame 0 is centred)"};
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Share of the cells within `spread` of their median.
double agreement(const std::vector<double>& values, double centre, double spread) {
  const auto n = std::count_if(values.begin(), values.end(), [&](double v) { return std::abs(v - centre) <= spread; });
  return static_cast<double>(n) / static_cast<double>(values.size());
}

std::string amplitude_text(double factor) {
  struct Known {
    double factor;
    const char* meaning;
  };
  static constexpr std::array<Known, 4> kKnown = {{
      {32768.0, "int16-range samples where +-1 is meant"},
      {1.0 / 32768.0, "samples of +-1 where int16 range is meant"},
      {32768.0 / 32767.0, "samples divided by 32767 instead of 32768"},
      {32767.0 / 32768.0, "samples divided by 32768 instead of 32767"},
  }};
  for (const Known& known : kKnown) {
    // Near 1 a relative distance of 1% would catch everything.
    const double reach = std::abs(known.factor - 1) < 0.01 ? 3e-6 : 0.01;
    if (std::abs(factor / known.factor - 1) < reach) {
      return "the samples' amplitude is " + short_number(known.factor) + " times the reference's: " + known.meaning;
    }
  }
  return "the samples' amplitude is " + short_number(factor) + " times the reference's";
}

/// A constant offset of logarithms, or a constant ratio of values. Cells at the floor follow neither.
std::optional<Diagnosis> scale(const std::vector<Pair>& pairs, const Tolerance& tolerance) {
  std::vector<double> offsets;
  std::vector<double> ratios;
  std::vector<double> sizes;
  std::size_t n_bad = 0;
  for (const Pair& pair : pairs) {
    if (pair.at_floor) continue;
    offsets.push_back(pair.actual - pair.reference);
    if (std::abs(pair.reference) > 1e-12) ratios.push_back(pair.actual / pair.reference);
    sizes.push_back(std::abs(pair.reference));
    n_bad += pair.bad ? 1 : 0;
  }
  if (offsets.empty() || static_cast<double>(n_bad) < 0.5 * static_cast<double>(offsets.size())) return std::nullopt;
  if (tolerance.kind != Tolerance::Kind::kLinear) {
    const double offset = median(offsets);
    if (agreement(offsets, offset, std::abs(offset) / 20 + kRounding) >= kMostCells) {
      const std::string constant = "a constant offset of " + short_number(offset) + ": ";
      if (tolerance.kind == Tolerance::Kind::kAbsolute) return Diagnosis{Cause::kScale, constant + "scale or shift"};
      return Diagnosis{Cause::kScale, constant + amplitude_text(std::pow(tolerance.base, offset / 2))};
    }
  }
  if (ratios.empty()) return std::nullopt;
  const double ratio = median(ratios);
  if (agreement(ratios, ratio, std::abs(ratio) / 500) < kMostCells) return std::nullopt;
  std::string text = "values are " + short_number(ratio) + " times the reference's";
  if (tolerance.kind == Tolerance::Kind::kLinear) {
    text += ": " + amplitude_text(std::sqrt(std::abs(ratio)));
  } else if (std::abs(ratio / std::log(10.0) - 1) < 0.001) {
    text += ": natural logarithm where log10 is meant";
  } else if (std::abs(ratio * std::log(10.0) - 1) < 0.001) {
    text += ": log10 where the natural logarithm is meant";
  }
  return Diagnosis{Cause::kScale, text};
}

std::optional<Diagnosis> floor_only(const std::vector<Pair>& pairs) {
  std::size_t n_good_above = 0;
  std::size_t n_bad = 0;
  for (const Pair& pair : pairs) {
    if (pair.bad && !pair.at_floor) return std::nullopt;
    n_bad += pair.bad ? 1 : 0;
    n_good_above += pair.at_floor ? 0 : 1;
  }
  if (n_bad == 0 || n_good_above == 0) return std::nullopt;
  return Diagnosis{Cause::kFloor,
                   "only the quietest cells differ: the floor of the logarithm (its constant, or added instead of "
                   "clamped)"};
}

}  // namespace

const char* to_string(Diagnosis::Cause cause) noexcept {
  switch (cause) {
    case Cause::kNone:
      return "none";
    case Cause::kShape:
      return "shape";
    case Cause::kNotFinite:
      return "not-finite";
    case Cause::kEdge:
      return "edge";
    case Cause::kScale:
      return "scale";
    case Cause::kFloor:
      return "floor";
    case Cause::kWindow:
      return "window";
  }
  return "none";
}

Diagnosis diagnose(const FeatureMatrix& actual, const FeatureMatrix& reference, const Tolerance& tolerance,
                   const Comparison& comparison) {
  if (comparison.matches()) return {Cause::kNone, "they match"};
  if (!comparison.shapes_fit) {
    const bool transposed = comparison.frames_actual == reference.bins && comparison.frames_reference == actual.bins;
    return {Cause::kShape, transposed ? "the matrix is transposed: [frames, bins] is needed"
                                      : "another front end: the number of bins differs"};
  }
  if (comparison.nonfinite_cells > 0) return {Cause::kNotFinite, "NaN or infinity: a gap filled with NaN, or a bug"};
  if (comparison.bad_cells == 0 && comparison.frames_actual != comparison.frames_reference) {
    return {Cause::kEdge, "the frames that both have match: how many frames the ends give (padding), or cut audio"};
  }
  const auto pairs = pair_cells(actual, reference, tolerance, comparison.frames_compared);
  if (auto found = edge(pairs, reference.bins, comparison.frames_compared)) return *found;
  if (auto found = scale(pairs, tolerance)) return *found;
  if (auto found = floor_only(pairs)) return *found;
  if (comparison.bad_cells == 0) return {Cause::kWindow, "many tiny differences: arithmetic of less precision"};
  return {Cause::kWindow,
          "differences all over: the window's shape, pre-emphasis, DC removal, filters, or other audio"};
}

}  // namespace melstream::client
