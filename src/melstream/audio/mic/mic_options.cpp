#include "melstream/audio/mic/mic_options.hpp"

#include <cmath>

#include "melstream/audio/mic/backend.hpp"
#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw core::Error(core::ErrorCode::kInvalidArgument, message, "uri");
}

std::optional<int> take_optional(UriParams& params, const char* name, int low, int high) {
  const std::int64_t value = params.integer(name, 0, low, high);
  return value == 0 ? std::nullopt : std::optional(static_cast<int>(value));
}

int channels_needed(const MicOptions& options, const core::AudioDevice& device) {
  if (options.n_channels) return *options.n_channels;
  if (options.channel_mode == core::ChannelMode::kIndex) return options.channel_index + 1;
  if (device.n_channels <= core::kMaxChannels) return device.n_channels;
  if (options.channel_mode == core::ChannelMode::kMix) return 1;
  throw DeviceError(DeviceProblem::kFormat, "microphone '" + device.name + "' claims " +
                                                std::to_string(device.n_channels) +
                                                " channels; say how many to split: channels=2");
}

}  // namespace

MicOptions parse_mic_options(const SourceUri& uri) {
  MicOptions options;
  options.name = uri.path;
  if (uri.has_authority || options.name.empty()) {
    refuse("'" + uri.text + "': write mic:NAME, such as mic:default; `melstream devices` lists the names");
  }
  UriParams params = uri.params;
  options.sample_rate_hz = take_optional(params, "rate", core::kMinSampleRateHz, core::kMaxSampleRateHz);
  options.n_channels = take_optional(params, "channels", 1, core::kMaxChannels);
  core::PcmFormat format;
  take_channel(params, format);
  options.channel_mode = format.channel_mode;
  options.channel_index = format.channel_index;
  options.conceal = take_conceal(params);
  options.always = params.choice("capture", {"on-demand", "always"}, 0) == 1;
  options.latency_s = static_cast<double>(params.integer("latency_ms", 20, 1, 1000)) / 1000;
  options.linger_ns = static_cast<std::int64_t>(params.number("linger_s", 5, 0, 3600) * core::kNsPerSecond);
  params.require_valid();
  if (options.channel_mode == core::ChannelMode::kIndex && options.n_channels &&
      options.channel_index >= *options.n_channels) {
    refuse("channel=" + std::to_string(options.channel_index) + ": with channels=" +
           std::to_string(*options.n_channels) + " the last is " + std::to_string(*options.n_channels - 1));
  }
  return options;
}

core::PcmFormat mic_format(const MicOptions& options, const core::AudioDevice& device) {
  const int rate = options.sample_rate_hz.value_or(static_cast<int>(std::lround(device.sample_rate_hz)));
  if (rate < core::kMinSampleRateHz || rate > core::kMaxSampleRateHz) {
    throw DeviceError(DeviceProblem::kFormat, "microphone '" + device.name + "' says a rate of " +
                                                  std::to_string(rate) + " Hz; give one: rate=48000");
  }
  const int n_channels = channels_needed(options, device);
  if (n_channels > device.n_channels) {
    throw DeviceError(DeviceProblem::kFormat, "microphone '" + device.name + "' has " +
                                                  std::to_string(device.n_channels) + " channels, not " +
                                                  std::to_string(n_channels));
  }
  return {.encoding = core::PcmEncoding::kFloat32,
          .sample_rate_hz = rate,
          .n_channels = n_channels,
          .channel_mode = options.channel_mode,
          .channel_index = options.channel_index};
}

}  // namespace melstream::audio
