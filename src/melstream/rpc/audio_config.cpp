#include "melstream/rpc/audio_config.hpp"

#include <map>
#include <string>

#include "melstream/core/error.hpp"
#include "melstream/pipeline/registry.hpp"
#include "melstream/rpc/convert.hpp"

namespace melstream::rpc {
namespace {

// Labels live as long as their stream and go into every list.
constexpr std::size_t kMaxLabels = 32;
constexpr std::size_t kMaxLabelBytes = 256;

std::map<std::string, std::string> check_labels(const v1::AudioConfig& config) {
  if (config.labels().size() > kMaxLabels) {
    throw core::Error(core::ErrorCode::kInvalidArgument,
                      std::to_string(config.labels().size()) + " labels; at most " + std::to_string(kMaxLabels),
                      "labels");
  }
  std::map<std::string, std::string> labels;
  for (const auto& [key, value] : config.labels()) {
    if (key.empty() || key.size() > kMaxLabelBytes || value.size() > kMaxLabelBytes) {
      throw core::Error(core::ErrorCode::kInvalidArgument,
                        "keys need 1 to " + std::to_string(kMaxLabelBytes) + " bytes, values at most " +
                            std::to_string(kMaxLabelBytes),
                        "labels");
    }
    labels.emplace(key, value);
  }
  return labels;
}

}  // namespace

AudioChoice choose_audio(const v1::AudioConfig& config, const std::function<std::int64_t(int)>& resampler_delay_ns) {
  pipeline::validate_stream_id(config.stream());
  AudioChoice choice;
  choice.format = {.encoding = to_encoding(config.encoding()),
                   .sample_rate_hz = config.sample_rate_hertz(),
                   .n_channels = config.audio_channel_count(),
                   .channel_mode = to_channel_mode(config.channel_mode()),
                   .channel_index = config.channel_index()};
  core::validate(choice.format);
  choice.takeover = config.takeover();

  const pipeline::StreamOptions options{.id = config.stream(),
                                        .labels = check_labels(config),
                                        .pacing = to_pacing(config.pacing()),
                                        .resampler_delay_ns = resampler_delay_ns(choice.format.sample_rate_hz),
                                        .on_takeover = {}};
  choice.fast = options.pacing == pipeline::Pacing::kFast;
  choice.streams.assign(static_cast<std::size_t>(choice.format.n_feeds()), options);
  if (choice.format.channel_mode == core::ChannelMode::kSplit) {
    for (std::size_t i = 0; i < choice.streams.size(); ++i)
      choice.streams[i].id.append(1, '.').append(std::to_string(i));
  }
  return choice;
}

}  // namespace melstream::rpc
