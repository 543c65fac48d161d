// PCM formats as they come in, and the seam by which a publisher's bytes become 16 kHz mono samples in a feed.
#pragma once

#include <array>
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

/// What is written where audio was lost, if the loss is shorter than one window (25 ms).
enum class Conceal : std::uint8_t {
  kNone,  ///< nothing: a gap, and a new segment
  kZero,  ///< zeros
  kHold,  ///< each channel's last sample before the loss
};

/// Samples lost, by reason.
using LossCounts = std::array<std::int64_t, kNGapReasons>;

/// In samples per channel at the source's rate unless said otherwise. Invariant I1, at every moment:
/// offered = accepted + dropped, timeline_samples = (16 kHz samples written) + gap_samples.
struct IngestCounters {
  std::int64_t offered = 0;           ///< what the source's clock covers: received, suppressed and lost
  std::int64_t accepted = 0;          ///< received and taken; suppressed ones are among them
  std::int64_t dropped = 0;           ///< lost: the sum of dropped_by
  LossCounts dropped_by{};            ///< index: GapReason
  std::int64_t suppressed = 0;        ///< of the accepted: silence that the sender left out, zeros here
  std::int64_t concealed = 0;         ///< of the dropped: made up, by Conceal
  std::int64_t nonfinite = 0;         ///< NaN or infinity in float input, became 0 (counted over all channels)
  std::int64_t timeline_samples = 0;  ///< 16 kHz timeline length so far: written + gaps
  std::int64_t gap_samples = 0;       ///< 16 kHz timeline samples lost in gaps
};

/// When audio was captured and came. A segment's anchor is made of its first samples' times.
struct AudioTime {
  std::int64_t received_mono_ns = 0;  ///< when the last byte reached the daemon
  /// When the first sample was captured, by the source's own clock brought to the monotonic one; 0: not known.
  std::int64_t capture_mono_ns = 0;
  /// When the first sample was captured, as the source says it in Unix time; 0: not known. capture_mono_ns goes first.
  std::int64_t capture_wall_ns = 0;
};

/// Turns one publisher's bytes into samples: decode, select channels, resample, account for gaps. One producer thread
/// at a time. Implemented by audio::Ingest; tests of other folders use their own.
class PcmIngest {
 public:
  virtual ~PcmIngest() = default;
  /// True if push() of n_bytes (or, with 0, finish()) would lose nothing now. Never blocks.
  virtual bool has_room(std::size_t n_bytes) noexcept = 0;
  /// Takes a whole number of interleaved samples; what has no room is dropped whole and becomes a gap
  /// (kCaptureOverflow). Throws Error(kInvalidArgument) for a partial sample or more than kMaxChunkBytes; nothing is
  /// taken then.
  virtual void push(std::span<const std::byte> bytes, const AudioTime& time) = 0;
  /// The source knows that the next n_source samples per channel are lost (or never were captured). They become a gap,
  /// or are made up as the stream's Conceal says, once the next samples come. Several in a row are one gap, for the
  /// reason that lost most.
  virtual void lose(std::int64_t n_source, GapReason reason) noexcept = 0;
  /// The sender left out the next n_source samples per channel because they were silence: zeros that are marked, no
  /// loss. What has no room is dropped whole (kCaptureOverflow).
  virtual void push_suppressed(std::int64_t n_source, const AudioTime& time) noexcept = 0;
  /// Flushes the resampler and ends all feeds. If the flush has no room, it is lost and counted. Idempotent.
  virtual void finish(EndReason reason) noexcept = 0;
  virtual IngestCounters counters() const noexcept = 0;
};

/// @param feeds format.n_feeds() feeds that outlive the ingest. Throws as validate().
using PcmIngestFactory =
    std::function<std::unique_ptr<PcmIngest>(const PcmFormat& format, std::vector<AudioFeed*> feeds, Conceal conceal)>;

}  // namespace melstream::core
