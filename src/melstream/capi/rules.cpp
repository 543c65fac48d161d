#include "melstream/capi/rules.hpp"

#include <cmath>
#include <string>

#include "melstream/capi/options.hpp"
#include "melstream/capi/status.hpp"

namespace melstream::capi {
namespace {

engine::Smoothing checked_smoothing(const engine::FrontEnd& front_end, melstream_smoothing number) {
  const engine::Smoothing smoothing = smoothing_of(number);
  if (smoothing != engine::Smoothing::kNone && !front_end.allows_smoothing()) {
    refuse("smoothing", "front end '" + front_end.name() +
                            "' takes none: only log mels of 3 bins or more, without cepstra, low frame rate and CMVN");
  }
  return smoothing;
}

engine::Normalization checked_normalization(const engine::FrontEnd& front_end, melstream_normalization number,
                                            float fixed_max) {
  const engine::Normalization normalization = normalization_of(number);
  const bool is_free =
      normalization == engine::Normalization::kNone || normalization == engine::Normalization::kPerFeatureWindow;
  if (!is_free && !front_end.is_whisper()) {
    refuse("normalization", "front end '" + front_end.name() +
                                "' takes none or per_feature_window: the others are those of Whisper's log10 mels");
  }
  if (normalization == engine::Normalization::kFixedMax && !std::isfinite(fixed_max)) {
    refuse("fixed_max", "is not a finite number");
  }
  return normalization;
}

}  // namespace

ClipRules clip_rules(const std::shared_ptr<const engine::FrontEnd>& front_end, const melstream_clip_options& options) {
  check_sample_type(options.sample_type);
  if (options.pad_to_samples < 0 || options.pad_to_samples > kMostSamples) {
    refuse("pad_to_samples", std::to_string(options.pad_to_samples) + " is not in 0.." + std::to_string(kMostSamples));
  }
  if (options.memory != MELSTREAM_HOST && options.memory != MELSTREAM_CUDA) {
    refuse("memory", std::to_string(options.memory) + " is none of 0 (host), 1 (CUDA)");
  }
  ClipRules rules;
  rules.front_end = front_end;
  rules.sample_type = options.sample_type;
  rules.smoothing = checked_smoothing(*front_end, options.smoothing);
  rules.normalization = checked_normalization(*front_end, options.normalization, options.fixed_max);
  rules.fixed_max = options.fixed_max;
  rules.fill = options.fill;
  rules.pad_to_samples = options.pad_to_samples;
  return rules;
}

Stream::Rules stream_rules(const std::shared_ptr<const engine::FrontEnd>& front_end,
                           const melstream_stream_options& options) {
  check_sample_type(options.sample_type);
  Stream::Rules rules;
  rules.front_end = front_end;
  rules.sample_type = options.sample_type;
  rules.smoothing = checked_smoothing(*front_end, options.smoothing);
  rules.normalization = checked_normalization(*front_end, options.normalization, options.fixed_max);
  rules.fixed_max = options.fixed_max;
  if (rules.normalization == engine::Normalization::kWhisperWindow ||
      rules.normalization == engine::Normalization::kPerFeatureWindow) {
    refuse("normalization", "a stream takes none, running_max and fixed_max: the others need the whole clip");
  }
  return rules;
}

}  // namespace melstream::capi
