// mic:NAME?... taken apart, and the format in which a device is opened for it. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "melstream/audio/source_uri.hpp"
#include "melstream/core/pcm.hpp"
#include "melstream/core/sources.hpp"

namespace melstream::audio {

struct MicOptions {
  std::string name;                   ///< "default", or a device's name or part of it
  std::optional<int> sample_rate_hz;  ///< none: the device's own
  std::optional<int> n_channels;      ///< none: as many as are needed
  core::ChannelMode channel_mode = core::ChannelMode::kMix;
  int channel_index = 0;
  core::Conceal conceal = core::Conceal::kNone;
  bool always = false;  ///< capture=always; else the device is open only while somebody subscribes
  double latency_s = 0.02;
  std::int64_t linger_ns = 0;  ///< how long it stays open after that
};

/// Throws core::Error(kInvalidArgument, "uri").
MicOptions parse_mic_options(const SourceUri& uri);

/// Without `channels`, a mix or a split takes all that the device has, up to 8, and one channel takes those up to it. A
/// device that claims more than 8 is none of hardware (PulseAudio's says 32): one is taken of it, and a split must say
/// how many. Throws DeviceError(kFormat) for what the device does not have.
core::PcmFormat mic_format(const MicOptions& options, const core::AudioDevice& device);

}  // namespace melstream::audio
