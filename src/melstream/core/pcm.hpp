// PCM formats as they come in, and the seam by which a publisher's bytes become 16 kHz mono samples in a feed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "melstream/core/audio_feed.hpp"

namespace melstream::core {

/// Little-endian. kLinear24 is packed (3 bytes).
enum class PcmEncoding : std::uint8_t { kLinear16, kLinear24, kLinear32, kFloat32, kMulaw, kAlaw };

/// Which channels of an interleaved input feed which stream.
enum class ChannelMode : std::uint8_t {
  kIndex,  ///< one channel, the rest ignored
  kMix,    ///< the mean of all channels
  kSplit,  ///< one stream a channel, on one clock
};

inline constexpr int kMinSampleRateHz = 8000;
inline constexpr int kMaxSampleRateHz = 192000;
inline constexpr int kMaxChannels = 8;
inline constexpr std::size_t kMaxChunkBytes = std::size_t{256} * 1000;

struct PcmFormat {
  PcmEncoding encoding = PcmEncoding::kLinear16;
  int sample_rate_hz = kSampleRateHz;
  int n_channels = 1;
  ChannelMode channel_mode = ChannelMode::kMix;
  int channel_index = 0;  ///< for kIndex

  /// Feeds that an ingest of this format writes: n_channels for kSplit, else 1.
  int n_feeds() const noexcept { return channel_mode == ChannelMode::kSplit ? n_channels : 1; }
};

/// Bytes of one sample of one channel: 1..4.
constexpr std::size_t bytes_per_sample(PcmEncoding encoding) noexcept {
  switch (encoding) {
    case PcmEncoding::kLinear16:
      return 2;
    case PcmEncoding::kLinear24:
      return 3;
    case PcmEncoding::kLinear32:
    case PcmEncoding::kFloat32:
      return 4;
    case PcmEncoding::kMulaw:
    case PcmEncoding::kAlaw:
      return 1;
  }
  return 0;
}

/// Throws Error(kInvalidArgument, field sample_rate_hertz | audio_channel_count | channel_index) naming the limits.
void validate(const PcmFormat& format);

/// In samples per channel at the source's rate. Invariant I1: offered = accepted + dropped.
struct IngestCounters {
  std::int64_t offered = 0;
  std::int64_t accepted = 0;
  std::int64_t dropped = 0;           ///< the feed was full
  std::int64_t nonfinite = 0;         ///< NaN or infinity in float input, became 0 (counted over all channels)
  std::int64_t timeline_samples = 0;  ///< 16 kHz timeline length so far: written + gaps
  std::int64_t gap_samples = 0;       ///< 16 kHz timeline samples lost in gaps
};

/// Turns one publisher's bytes into samples: decode, select channels, resample, account for gaps. One producer thread
/// at a time. Implemented by audio::Ingest; tests of other folders use their own.
class PcmIngest {
 public:
  virtual ~PcmIngest() = default;
  /// True if push() of n_bytes (or, with 0, finish()) would lose nothing now. Never blocks.
  virtual bool has_room(std::size_t n_bytes) noexcept = 0;
  /// Takes a whole number of interleaved samples; what has no room is dropped whole and becomes a gap.
  /// @param received_mono_ns when the bytes reached the daemon. @param capture_wall_ns Unix time of the first sample, 0
  /// if unknown. Throws Error(kInvalidArgument) for a partial sample or more than kMaxChunkBytes; nothing is taken
  /// then.
  virtual void push(std::span<const std::byte> bytes, std::int64_t received_mono_ns, std::int64_t capture_wall_ns) = 0;
  /// Flushes the resampler and ends all feeds. If the flush has no room, it is lost and counted. Idempotent.
  virtual void finish(EndReason reason) noexcept = 0;
  virtual IngestCounters counters() const noexcept = 0;
};

/// @param feeds format.n_feeds() feeds that outlive the ingest. Throws as validate().
using PcmIngestFactory =
    std::function<std::unique_ptr<PcmIngest>(const PcmFormat& format, std::vector<AudioFeed*> feeds)>;

}  // namespace melstream::core
