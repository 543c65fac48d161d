#include "melstream/core/pcm.hpp"

#include <string>

#include "melstream/core/error.hpp"

namespace melstream::core {
namespace {

void require_range(const char* field, int value, int low, int high) {
  if (value >= low && value <= high) return;
  throw Error(ErrorCode::kInvalidArgument,
              std::string(field) + " is " + std::to_string(value) + ", but must be " + std::to_string(low) + " to " +
                  std::to_string(high),
              field);
}

}  // namespace

void validate(const PcmFormat& format) {
  if (bytes_per_sample(format.encoding) == 0) {
    throw Error(ErrorCode::kInvalidArgument,
                "encoding is " + std::to_string(static_cast<int>(format.encoding)) +
                    ", but must be LINEAR16, LINEAR24, LINEAR32, FLOAT32, MULAW or ALAW",
                "encoding");
  }
  require_range("sample_rate_hertz", format.sample_rate_hz, kMinSampleRateHz, kMaxSampleRateHz);
  require_range("audio_channel_count", format.n_channels, 1, kMaxChannels);
  if (format.channel_mode == ChannelMode::kIndex) {
    require_range("channel_index", format.channel_index, 0, format.n_channels - 1);
  }
}

}  // namespace melstream::core
