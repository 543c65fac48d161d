#include "melstream/capi/options.hpp"

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
    refuse(argument + ".n_samples", std::to_string(n_samples) + " is not in 0.." + std::to_string(kMostSamples));
  }
  if (n_samples == 0) return;
  if (samples == nullptr) refuse(argument + ".samples", "is null, with " + std::to_string(n_samples) + " samples");
  const std::size_t size = type == MELSTREAM_INT16 ? sizeof(std::int16_t) : sizeof(float);
  if (reinterpret_cast<std::uintptr_t>(samples) % size != 0) {
    refuse(argument + ".samples", "is not aligned to the " + std::to_string(size) + " bytes of a sample");
  }
}

}  // namespace melstream::capi
