#include "tests/engine/cuda/clip_fixture.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "melstream/engine/normalization.hpp"

#include "tests/engine/cuda/emulated_cuda.hpp"
#include "tests/support/extract.hpp"

namespace melstream::test {
namespace {

using engine::Normalization;

/// Around the samples of a clip, so that a kernel that reads beyond them is seen in the rows.
constexpr std::size_t kMargin = 64;

/// Outlives the engine.
EmulatedCuda& reference_machine() {
  static EmulatedCuda machine;
  return machine;
}

std::size_t magnitude_of(std::int64_t stride) { return static_cast<std::size_t>(stride < 0 ? -stride : stride); }

engine::DeviceOutput strides_of(Layout layout, std::int64_t n_rows, std::int64_t n_bins) {
  engine::DeviceOutput output;
  output.n_rows = n_rows;
  switch (layout) {
    case Layout::kTime:
      output.row_stride = n_bins;
      break;
    case Layout::kMel:
      output.row_stride = 1;
      output.bin_stride = std::max<std::int64_t>(n_rows, 1);
      break;
    case Layout::kTimeGaps:
      output.row_stride = n_bins + 7;
      break;
    case Layout::kMelGaps:
      output.row_stride = 2;
      output.bin_stride = 2 * n_rows + 5;
      break;
    case Layout::kBackwards:
      output.row_stride = -n_bins;
      break;
  }
  return output;
}

}  // namespace

ClipBench::ClipBench(int unit_frames) {
  auto device = std::make_unique<EmulatedClipDevice>(machine);
  device_ = device.get();
  engine_ = engine::cuda::make_clip_engine(std::move(device),
                                           {.front_ends = {}, .unit_frames = unit_frames, .clock = nullptr});
}

OwnedClips::OwnedClips(engine::ClipBatch batch, const std::vector<std::vector<float>>& clips, Layout layout,
                       std::int64_t extra_rows)
    : batch_(std::move(batch)), n_bins_(static_cast<std::size_t>(batch_.front_end->n_bins(batch_.smoothing))) {
  const auto n_bins = static_cast<std::int64_t>(n_bins_);
  for (const std::vector<float>& clip : clips) {
    const auto n_samples = static_cast<std::int64_t>(clip.size());
    const std::int64_t length = batch_.pad_to_samples > 0 ? batch_.pad_to_samples : n_samples;
    const std::int64_t n_rows = engine::row_count(batch_.front_end->rows(batch_.smoothing), length) + extra_rows;
    engine::DeviceOutput output = strides_of(layout, n_rows, n_bins);
    const std::size_t last =
        static_cast<std::size_t>(std::max<std::int64_t>(n_rows, 1) - 1) * magnitude_of(output.row_stride) +
        (n_bins_ - 1) * magnitude_of(output.bin_stride);
    values_.emplace_back(n_rows == 0 ? 0 : last + 1, kUnwritten);
    if (n_rows > 0) output.values = values_.back().data();
    if (layout == Layout::kBackwards && n_rows > 0) output.values += (n_rows - 1) * n_bins;
    outputs_.push_back(output);
    const void* samples = nullptr;
    if (batch_.sample_type == engine::SampleType::kInt16) {
      std::vector<std::int16_t>& copy = int16_samples_.emplace_back(kMargin, std::int16_t{32'767});
      for (const float v : clip) copy.push_back(static_cast<std::int16_t>(v * 32768.0F));
      copy.resize(copy.size() + kMargin, std::int16_t{32'767});
      samples = copy.data() + kMargin;
    } else {
      std::vector<float>& copy = float_samples_.emplace_back(kMargin, std::numeric_limits<float>::quiet_NaN());
      copy.insert(copy.end(), clip.begin(), clip.end());
      copy.resize(copy.size() + kMargin, std::numeric_limits<float>::quiet_NaN());
      samples = copy.data() + kMargin;
    }
    clips_.push_back({clip.empty() ? nullptr : samples, n_samples});
  }
  batch_.clips = clips_;
  batch_.outputs = outputs_;
}

Matrix OwnedClips::rows(std::size_t clip) const {
  const engine::DeviceOutput& output = outputs_[clip];
  Matrix rows{static_cast<std::size_t>(output.n_rows), n_bins_, {}};
  for (std::int64_t row = 0; row < output.n_rows; ++row) {
    for (std::int64_t bin = 0; bin < static_cast<std::int64_t>(n_bins_); ++bin) {
      rows.values.push_back(output.values[row * output.row_stride + bin * output.bin_stride]);
    }
  }
  return rows;
}

bool OwnedClips::left_gaps_alone() const {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const auto n_written = static_cast<std::size_t>(outputs_[i].n_rows) * n_bins_;
    const auto n_unwritten = static_cast<std::size_t>(std::count(values_[i].begin(), values_[i].end(), kUnwritten));
    if (values_[i].size() != n_written + n_unwritten) return false;
  }
  return true;
}

Reference::Reference() : engine_(reference_machine().make(EmulatedCuda::small_units(512))) {}

Matrix Reference::rows(const engine::ClipBatch& batch, const std::vector<float>& clip, std::int64_t extra_rows) {
  std::vector<float> segment = clip;
  if (batch.pad_to_samples > 0) segment.resize(static_cast<std::size_t>(batch.pad_to_samples), 0.0F);
  const auto n_bins = static_cast<std::size_t>(batch.front_end->n_bins(batch.smoothing));
  const auto n_rows = static_cast<std::size_t>(
      engine::row_count(batch.front_end->rows(batch.smoothing), static_cast<std::int64_t>(segment.size())));
  Matrix rows{n_rows, n_bins, {}};
  if (n_rows > 0) {
    const auto prepared = engine_->prepare(batch.front_end, batch.smoothing);
    rows = whole_clip(*engine_, *prepared, segment);
  }
  normalize_rows(batch.normalization, batch.fixed_max, rows);
  rows.rows += static_cast<std::size_t>(extra_rows);
  rows.values.resize(rows.rows * n_bins, batch.fill);
  return rows;
}

std::vector<float> quantised(const std::vector<float>& samples) {
  std::vector<float> result;
  for (const float v : samples) {
    result.push_back(static_cast<float>(std::clamp(std::lround(v * 32768.0F), -32768L, 32767L)) / 32768.0F);
  }
  return result;
}

void normalize_rows(Normalization normalization, float fixed_max, Matrix& rows) {
  if (normalization == Normalization::kWhisperWindow) engine::whisper_window(rows.values);
  if (normalization == Normalization::kFixedMax) engine::whisper_frame(rows.values, fixed_max);
  if (normalization == Normalization::kPerFeatureWindow) {
    engine::per_feature_window(rows.values, static_cast<int>(rows.cols));
  }
  if (normalization != Normalization::kRunningMax) return;
  float largest = -std::numeric_limits<float>::infinity();
  for (std::size_t row = 0; row < rows.rows; ++row) {
    const std::span<float> values = std::span(rows.values).subspan(row * rows.cols, rows.cols);
    largest = std::max(largest, *std::max_element(values.begin(), values.end()));
    engine::whisper_frame(values, largest);
  }
}

}  // namespace melstream::test
