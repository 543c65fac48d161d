#include "client/spectrogram.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

namespace melstream::client {
namespace {

/// Of the 256 colours: black over violet, red and orange to pale yellow, each step brighter than the last.
constexpr std::array<int, 14> kColours = {16, 17, 18, 54, 90, 126, 161, 197, 203, 209, 215, 221, 228, 231};
constexpr char kShades[] = " .:-=+*#%@";
constexpr int kShadeCount = 10;

/// 0 to n_steps - 1.
int step_of(float value, float low, float high, int n_steps) {
  if (!(high > low) || !std::isfinite(value)) return 0;
  const float share = (value - low) / (high - low);
  return std::clamp(static_cast<int>(share * static_cast<float>(n_steps)), 0, n_steps - 1);
}

}  // namespace

std::vector<float> resample_bins(std::span<const float> bins, int width) {
  std::vector<float> cells(static_cast<std::size_t>(width), 0.0f);
  if (bins.empty()) return cells;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::size_t begin = i * bins.size() / cells.size();
    const std::size_t end = std::max(begin + 1, (i + 1) * bins.size() / cells.size());
    float sum = 0;
    for (std::size_t bin = begin; bin < end; ++bin) sum += bins[bin];
    cells[i] = sum / static_cast<float>(end - begin);
  }
  return cells;
}

Spectrogram::Spectrogram(int width, int height, int frames_per_column)
    : width_(std::max(width, 1)), height_(std::max(height, 1)), frames_per_column_(std::max(frames_per_column, 1)) {}

bool Spectrogram::add_frame(std::span<const float> frame) {
  sum_.resize(frame.size(), 0.0f);
  for (std::size_t i = 0; i < frame.size(); ++i) sum_[i] += frame[i];
  if (++n_summed_ < frames_per_column_) return false;
  for (float& value : sum_) value /= static_cast<float>(n_summed_);
  columns_.push_back(resample_bins(sum_, 2 * height_));
  if (columns_.size() > static_cast<std::size_t>(width_)) columns_.pop_front();
  std::fill(sum_.begin(), sum_.end(), 0.0f);
  n_summed_ = 0;
  return true;
}

Spectrogram::Range Spectrogram::visible_range() const {
  std::vector<float> values;
  for (const auto& column : columns_) {
    std::copy_if(column.begin(), column.end(), std::back_inserter(values), [](float v) { return std::isfinite(v); });
  }
  if (values.empty()) return {0, 0};
  const auto quantile = [&](double q) {
    const auto at =
        values.begin() + static_cast<std::ptrdiff_t>(std::lround(q * static_cast<double>(values.size() - 1)));
    std::nth_element(values.begin(), at, values.end());
    return *at;
  };
  return {quantile(0.05), quantile(0.995)};
}

std::string Spectrogram::picture() const {
  const Range range = visible_range();
  const auto colour = [&](const std::vector<float>& column, int row) {
    const auto step = step_of(column[static_cast<std::size_t>(row)], range.low, range.high, kColours.size());
    return kColours[static_cast<std::size_t>(step)];
  };
  std::string text;
  for (int line = height_ - 1; line >= 0; --line) {
    int last_upper = -1;
    int last_lower = -1;
    text.append(static_cast<std::size_t>(width_) - columns_.size(), ' ');
    for (const auto& column : columns_) {
      const int upper = colour(column, 2 * line + 1);
      const int lower = colour(column, 2 * line);
      if (upper != last_upper) text += "\x1b[38;5;" + std::to_string(upper) + "m";
      if (lower != last_lower) text += "\x1b[48;5;" + std::to_string(lower) + "m";
      text += "\u2580";  // the upper half in the foreground's colour, the lower one in the background's
      last_upper = upper;
      last_lower = lower;
    }
    text += "\x1b[0m\n";
  }
  return text;
}

std::string Spectrogram::plain_line() const {
  if (columns_.empty()) return {};
  const Range range = visible_range();
  std::string text;
  for (const float value : columns_.back()) text += kShades[step_of(value, range.low, range.high, kShadeCount)];
  return text;
}

std::string level_bar(float dbfs, int width) {
  const int n_full = step_of(std::max(dbfs, -60.0f), -60.0f, 0.0f, width + 1);
  const auto full = static_cast<std::size_t>(std::isfinite(dbfs) ? n_full : 0);
  return "[" + std::string(full, '#') + std::string(static_cast<std::size_t>(width) - full, '-') + "]";
}

}  // namespace melstream::client
