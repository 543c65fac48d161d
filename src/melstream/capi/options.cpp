#include "melstream/capi/options.hpp"

#include "melstream/core/error.hpp"

namespace melstream::capi {
engine::Smoothing smoothing_of(melstream_smoothing smoothing) {
  switch (smoothing) {
    case MELSTREAM_SMOOTHING_NONE:
      return engine::Smoothing::kNone;
    case MELSTREAM_SMOOTHING_BOX3X3:
      return engine::Smoothing::kBox3x3;
    case MELSTREAM_SMOOTHING_BOX3X3_VALID:
      return engine::Smoothing::kBox3x3Valid;
    default:
      refuse("smoothing", std::to_string(smoothing) + " is none of 0 (none), 1 (box3x3), 2 (box3x3-valid)");
  }
}

engine::Normalization normalization_of(melstream_normalization normalization) {
  switch (normalization) {
    case MELSTREAM_NORMALIZATION_NONE:
      return engine::Normalization::kNone;
    case MELSTREAM_NORMALIZATION_RUNNING_MAX:
      return engine::Normalization::kRunningMax;
    case MELSTREAM_NORMALIZATION_FIXED_MAX:
      return engine::Normalization::kFixedMax;
    case MELSTREAM_NORMALIZATION_WHISPER_WINDOW:
      return engine::Normalization::kWhisperWindow;
    case MELSTREAM_NORMALIZATION_PER_FEATURE_WINDOW:
      return engine::Normalization::kPerFeatureWindow;
    default:
      refuse("normalization", std::to_string(normalization) +
                                  " is none of 0 (none), 1 (running_max), 2 (fixed_max), 3 (whisper_window), 4 "
                                  "(per_feature_window)");
  }
}

void check_sample_type(melstream_sample_type type) {
  if (type == MELSTREAM_FLOAT32 || type == MELSTREAM_INT16) return;
  refuse("sample_type", std::to_string(type) + " is none of 0 (float32), 1 (int16)");
}

void check_samples(const void* samples, std::int64_t n_samples, melstream_sample_type type,
                   const std::string& argument) {
  if (n_samples < 0 || n_samples > kMostSamples) {
    refuse(argument + "n_samples", std::to_string(n_samples) + " is not in 0.." + std::to_string(kMostSamples));
  }
  if (n_samples == 0) return;
  if (samples == nullptr) refuse(argument + "samples", "is null, with " + std::to_string(n_samples) + " samples");
  const std::size_t size = type == MELSTREAM_INT16 ? sizeof(std::int16_t) : sizeof(float);
  if (reinterpret_cast<std::uintptr_t>(samples) % size != 0) {
    refuse(argument + "samples", "is not aligned to the " + std::to_string(size) + " bytes of a sample");
  }
}

namespace {

void check_strides(const melstream_output& output, std::int64_t n_bins, const std::string& argument) {
  const std::int64_t row = output.row_stride, bin = output.bin_stride, n_rows = output.n_rows;
  const std::string given = "row_stride " + std::to_string(row) + " and bin_stride " + std::to_string(bin);
  const std::string taken =
      "; time-major is " + std::to_string(n_bins) + " and 1, mel-major 1 and " + std::to_string(n_rows);
  if ((n_rows > 1 && row < 1) || (n_bins > 1 && bin < 1)) refuse(argument, given + ": strides must be above 0" + taken);
  // The last value must have an address: memory ends at PTRDIFF_MAX bytes.
  constexpr std::int64_t kMostFloats = PTRDIFF_MAX / static_cast<std::int64_t>(sizeof(float)) - 1;
  const bool is_far = (n_rows > 1 && row > kMostFloats / (n_rows - 1)) ||
                      (n_bins > 1 && bin > (kMostFloats - (n_rows > 1 ? (n_rows - 1) * row : 0)) / (n_bins - 1));
  if (is_far) refuse(argument, given + " with " + std::to_string(n_rows) + " rows reach beyond any memory" + taken);
  if (n_rows <= 1 || n_bins <= 1) return;
  // Rows lie apart within the stride of a bin, or bins within that of a row.
  if ((row - 1) / bin >= n_bins - 1 || (bin - 1) / row >= n_rows - 1) return;
  refuse(argument, given + " put values of " + std::to_string(n_rows) + " rows of " + std::to_string(n_bins) +
                       " bins over each other" + taken);
}

}  // namespace

void check_output(const melstream_output& output, std::int64_t n_rows, std::int64_t n_bins, std::size_t index,
                  std::int64_t n_samples) {
  const std::string argument = "outputs[" + std::to_string(index) + "]";
  if (output.n_rows < n_rows) {
    throw core::Error(core::ErrorCode::kOutOfRange,
                      argument + ".n_rows: room for " + std::to_string(output.n_rows) + " rows, the clip of " +
                          std::to_string(n_samples) + " samples has " + std::to_string(n_rows),
                      argument + ".n_rows");
  }
  if (output.n_rows == 0) return;
  if (output.values == nullptr) refuse(argument + ".values", "is null");
  if (reinterpret_cast<std::uintptr_t>(output.values) % sizeof(float) != 0) {
    refuse(argument + ".values", "is not aligned to the 4 bytes of a float");
  }
  check_strides(output, n_bins, argument);
}

}  // namespace melstream::capi
