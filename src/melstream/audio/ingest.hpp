// From a publisher's bytes to 16 kHz samples in one feed, or in one feed a channel: decode, choose channels, resample,
// account for what was lost or had no room. Runs on the publisher's thread; the tick thread reads the feeds.
//
// A loss ends the segment, unless it is shorter than one window and the stream conceals: then the segment stays open
// until the next samples tell how long the loss was, and it is filled and marked.
//
// Where things lie on the timeline: source sample n, counted over all that was offered, is at round(n * 16000 / rate),
// halves up. Each segment starts there exactly, so gaps never drift; its length is rounded of itself and cut by one
// sample where it would pass the position of the gap's first sample. So the timeline ends at round(offered * 16000 /
// rate) or one before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "melstream/core/audio_feed.hpp"
#include "melstream/core/clock.hpp"
#include "melstream/core/pcm.hpp"

namespace melstream::audio {

class Resampler;

/// Makes Ingests. @param clock outlives the factory and what it makes.
core::PcmIngestFactory make_ingest_factory(const core::Clock& clock);

/// One thread at a time. push() allocates nothing. Audio lies in its buffers until finish() or the destructor wipes
/// them.
class Ingest final : public core::PcmIngest {
 public:
  /// @param feeds format.n_feeds() feeds; they and the clock outlive the ingest.
  /// Throws core::Error(kInvalidArgument) as core::validate().
  Ingest(const core::PcmFormat& format, const std::vector<core::AudioFeed*>& feeds, const core::Clock& clock,
         core::Conceal conceal = core::Conceal::kNone);
  ~Ingest() override;

  /// Room counts the flush of the resampler too, so that neither a gap nor the end ever loses an accepted sample; and
  /// the fill of a loss before the samples, unless the feed can never hold both.
  bool has_room(std::size_t n_bytes) noexcept override;
  /// Without room in any of the feeds, the chunk is dropped for all. Throws core::Error(kFailedPrecondition) after
  /// finish(). @param time its capture_wall_ns outside 1..4e18 (the year 2096) counts as unknown.
  void push(std::span<const std::byte> bytes, const core::AudioTime& time) override;
  void lose(std::int64_t n_source, core::GapReason reason) noexcept override;
  void push_suppressed(std::int64_t n_source, const core::AudioTime& time) noexcept override;
  /// Samples dropped last become a segment without samples, so that the feed tells of the gap.
  void finish(core::EndReason reason) noexcept override;
  core::IngestCounters counters() const noexcept override { return counters_; }

 private:
  /// Where the samples of one channel go.
  struct Output {
    core::AudioFeed* feed = nullptr;
    std::unique_ptr<Resampler> resampler;  // null at 16 kHz
    float last = 0.0F;                     // source sample taken or made up last, for Conceal::kHold
  };
  /// The segment that is being written, or the last one.
  struct Segment {
    bool open = false;
    core::SampleIndex begin = 0;    ///< accepted index in each feed
    std::int64_t source_begin = 0;  ///< source samples offered before it
    std::int64_t n_source = 0;      ///< source samples taken or made up
    std::int64_t n_written = 0;     ///< 16 kHz samples written to each feed
    std::int64_t capture_mono_ns = 0;
    std::int64_t capture_wall_ns = 0;
  };

  std::size_t sample_bytes() const noexcept;
  void require_whole(std::size_t n_bytes) const;
  /// Where the segment's source sample n_source lies in it at 16 kHz, and so how long it is if it ends there: not
  /// beyond the position of the gap's first sample, since both are rounded.
  std::int64_t position(std::int64_t n_source) const noexcept;
  /// 16 kHz samples that n_source more and all before them in the segment still have to become, the flush included.
  std::int64_t needed(std::int64_t n_source) const noexcept;
  /// The same if the segment ends before them.
  std::int64_t needed_behind_gap(std::int64_t n_source) const noexcept;
  bool fits(std::int64_t n_samples) const noexcept;
  bool can_mark() const noexcept;
  bool is_concealable(std::int64_t n_lost) const noexcept;
  /// A loss that may still be made up.
  bool is_loss_open() const noexcept { return n_lost_ > 0 && segment_.open; }
  /// Settles the loss before the next n_source samples: makes it up, or ends the segment. False, and nothing done, if
  /// the samples have no room either way.
  bool make_room(std::int64_t n_source, const core::AudioTime& time) noexcept;
  void accept(std::int64_t n_source, const core::AudioTime& time) noexcept;
  void begin_segment(core::SegmentStart start) noexcept;
  core::SegmentStart anchored(std::int64_t n_source, const core::AudioTime& time) const noexcept;
  void end_segment() noexcept;
  void take(std::span<const std::byte> bytes) noexcept;
  /// Samples that no source sent.
  void fill(std::int64_t n_source, core::FilledSpan::Kind kind) noexcept;
  void count_written(std::int64_t n_source, std::int64_t n_written) noexcept;
  std::int64_t write(Output& output, std::span<const float> source) noexcept;
  void wipe() noexcept;

  const core::PcmFormat format_;
  const core::Clock& clock_;
  const core::Conceal conceal_;
  std::vector<Output> outputs_;
  core::IngestCounters counters_;
  Segment segment_;
  bool begun_ = false;  // a segment was begun
  bool finished_ = false;
  std::int64_t n_lost_ = 0;            // source samples lost since the last that was taken or made up
  core::LossCounts lost_by_{};         // the same by reason
  std::int64_t last_received_ns_ = 0;  // of the last push that was taken
  std::vector<float> interleaved_;     // a slice as decoded
  std::vector<float> source_;          // one channel of it
  std::vector<float> resampled_;
};

}  // namespace melstream::audio
