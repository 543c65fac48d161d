#include "melstream/rpc/audio_config.hpp"

#include <algorithm>
#include <string>

#include "melstream/core/error.hpp"
#include "melstream/core/labels.hpp"
#include "melstream/pipeline/registry.hpp"
#include "melstream/rpc/convert.hpp"

namespace melstream::rpc {
namespace {

// Samples a channel that are pushed at once: small against a sample ring of 16,384, large against a call.
constexpr std::int64_t kSliceSamples = 4096;

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
  choice.conceal = to_conceal(config.conceal());
  choice.takeover = config.takeover();

  const pipeline::StreamOptions options{.id = config.stream(),
                                        .labels = {config.labels().begin(), config.labels().end()},
                                        .pacing = to_pacing(config.pacing()),
                                        .resampler_delay_ns = resampler_delay_ns(choice.format.sample_rate_hz),
                                        .on_takeover = {}};
  core::validate_labels(options.labels);
  choice.fast = options.pacing == pipeline::Pacing::kFast;
  choice.streams.assign(static_cast<std::size_t>(choice.format.n_feeds()), options);
  if (choice.format.channel_mode == core::ChannelMode::kSplit) {
    for (std::size_t i = 0; i < choice.streams.size(); ++i)
      choice.streams[i].id.append(1, '.').append(std::to_string(i));
  }
  return choice;
}

std::size_t sample_bytes(const core::PcmFormat& format) noexcept {
  return core::bytes_per_sample(format.encoding) * static_cast<std::size_t>(format.n_channels);
}

std::size_t slice_bytes(const core::PcmFormat& format, std::size_t ring_samples) noexcept {
  const std::int64_t quarter =
      static_cast<std::int64_t>(ring_samples / 4) * format.sample_rate_hz / core::kSampleRateHz;
  return static_cast<std::size_t>(std::clamp<std::int64_t>(quarter, 1, kSliceSamples)) * sample_bytes(format);
}

void check_chunk(std::size_t n_bytes, const core::PcmFormat& format) {
  if (n_bytes > core::kMaxChunkBytes) {
    throw core::Error(
        core::ErrorCode::kInvalidArgument,
        std::to_string(n_bytes) + " bytes in one chunk; send at most " + std::to_string(core::kMaxChunkBytes),
        "content");
  }
  if (n_bytes % sample_bytes(format) != 0) {
    throw core::Error(core::ErrorCode::kInvalidArgument,
                      std::to_string(n_bytes) +
                          " bytes are not a whole number of samples; a sample of all channels has " +
                          std::to_string(sample_bytes(format)),
                      "content");
  }
}

}  // namespace melstream::rpc
