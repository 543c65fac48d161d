#include "melstream/capi/place.hpp"

#include <algorithm>
#include <cstddef>

#include "melstream/engine/normalization-inl.hpp"
#include "melstream/engine/normalization.hpp"

namespace melstream::capi {
namespace {

bool is_mel_major(const Place& place) noexcept { return place.row_stride < place.bin_stride; }

/// The rows of a place, or its bins if these are the lines whose values lie closer together.
struct Lines {
  explicit Lines(const Place& place) noexcept
      : n_lines(is_mel_major(place) ? place.n_bins : place.n_rows),
        n_values(is_mel_major(place) ? place.n_rows : place.n_bins),
        line_stride(is_mel_major(place) ? place.bin_stride : place.row_stride),
        stride(is_mel_major(place) ? place.row_stride : place.bin_stride) {}
  std::int64_t n_lines, n_values, line_stride, stride;
};

/// value := change(value, i), i its index in the line. Written for adjacent values, of which the compiler makes
/// vectors.
template <typename Change>
void change_line(float* line, std::int64_t n, std::int64_t stride, const Change& change) noexcept {
  if (stride == 1) {
    for (std::int64_t i = 0; i < n; ++i) line[i] = change(line[i], i);
  } else {
    for (std::int64_t i = 0; i < n; ++i) line[i * stride] = change(line[i * stride], i);
  }
}

template <typename Change>
void change_all(const Place& place, const Change& change) noexcept {
  const Lines lines(place);
  for (std::int64_t i = 0; i < lines.n_lines; ++i) {
    change_line(place.values + i * lines.line_stride, lines.n_values, lines.stride, change);
  }
}

}  // namespace

void normalize_rows(const Place& place, std::span<const float> maxima) noexcept {
  const float* const largest = maxima.data();
  if (is_mel_major(place)) {
    change_all(place, [largest](float v, std::int64_t t) {
      return engine::whisper_value(v, engine::whisper_floor(largest[t]));
    });
    return;
  }
  for (std::int64_t t = 0; t < place.n_rows; ++t) normalize_window(place.rows(t, 1), largest[t]);
}

void normalize_window(const Place& place, float maximum) noexcept {
  const float floor = engine::whisper_floor(maximum);
  change_all(place, [floor](float v, std::int64_t) { return engine::whisper_value(v, floor); });
}

void normalize_per_feature(const Place& place) noexcept {
  if (place.n_rows == 0) return;
  if (place.bin_stride == 1 && place.row_stride == place.n_bins) {
    engine::per_feature_window({place.values, static_cast<std::size_t>(place.n_rows * place.n_bins)},
                               static_cast<int>(place.n_bins));
    return;
  }
  if (place.n_rows == 1) {
    fill_rows(place, 0.0F);  // no deviation to divide by
    return;
  }
  for (std::int64_t m = 0; m < place.n_bins; ++m) {
    float* const line = place.values + m * place.bin_stride;
    const engine::FeatureScale scale = engine::feature_scale(line, place.n_rows, place.row_stride);
    change_line(line, place.n_rows, place.row_stride,
                [&scale](float v, std::int64_t) { return engine::feature_value(v, scale); });
  }
}

void repeat_first_row(const Place& place) noexcept {
  if (is_mel_major(place)) {
    for (std::int64_t m = 0; m < place.n_bins; ++m) {
      float* const line = place.values + m * place.bin_stride;
      const float first = *line;
      change_line(line, place.n_rows, place.row_stride, [first](float, std::int64_t) { return first; });
    }
    return;
  }
  const float* const first = place.values;
  for (std::int64_t t = 1; t < place.n_rows; ++t) {
    change_line(place.row(t), place.n_bins, place.bin_stride,
                [&](float, std::int64_t m) { return first[m * place.bin_stride]; });
  }
}

void fill_rows(const Place& place, float value) noexcept {
  change_all(place, [value](float, std::int64_t) { return value; });
}

}  // namespace melstream::capi
