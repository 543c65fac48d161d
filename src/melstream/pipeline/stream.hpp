// One live (or ended, still readable) channel of audio: identity, the feed that its publisher writes, its histories.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "melstream/core/audio_feed.hpp"
#include "melstream/pipeline/audio_history.hpp"
#include "melstream/pipeline/feature_history.hpp"
#include "melstream/pipeline/filled_log.hpp"

namespace melstream::pipeline {

enum class Pacing : std::uint8_t {
  kLive,  ///< never held back; what does not fit becomes a gap
  kFast,  ///< read only as its ring and its slowest blocking subscriber allow: lossless
};

struct StreamOptions {
  std::string id;
  std::map<std::string, std::string> labels;
  Pacing pacing = Pacing::kLive;
  bool local = false;  ///< a microphone or a file, not the network: it has an audio history of its own length
  std::int64_t resampler_delay_ns = 0;
  /// Called once, from another publisher's thread, when that one takes the id over: end this one's feed soon.
  std::function<void()> on_takeover;
};

/// A moment's view of a stream, for lists.
struct StreamStatus {
  std::string id;
  std::uint64_t epoch = 0;
  bool ended = false;
  std::map<std::string, std::string> labels;
  Pacing pacing = Pacing::kLive;
  std::int64_t opened_wall_ns = 0;
  core::SampleIndex timeline_samples = 0;
  core::SampleIndex gap_samples = 0;
  core::SampleIndex concealed_samples = 0;   ///< of the timeline: made up for losses
  core::SampleIndex suppressed_samples = 0;  ///< of the timeline: silence that the sender left out
  float rms = 0.0F;                          ///< of the last 100 ms, full scale 1
  float peak = 0.0F;                         ///< of the last 100 ms
  std::vector<std::string> front_ends;
  std::int32_t n_subscribers = 0;
  /// When the last sample of the newest row had arrived, of the front end that is behind most; 0 before the first row.
  std::int64_t newest_row_mono_ns = 0;
  engine::IndexRange audio_held;  ///< timeline; empty without audio history
};

/// Audio of a stream that lies in memory, at 16 kHz; all 0 once the memory is given back.
struct HeldAudio {
  core::SampleIndex ring_samples = 0;  ///< processed ones too, until they are overwritten
  core::SampleIndex ring_limit = 0;
  core::SampleIndex history_samples = 0;
  core::SampleIndex history_limit = 0;
};

/// When a stream came to be.
struct StreamOpening {
  std::uint64_t epoch = 0;
  std::uint64_t order = 0;  ///< among all streams of the registry: later ones are larger
  std::int64_t wall_ns = 0;
};

class Stream {
 public:
  Stream(StreamOptions options, const StreamOpening& opening, const GeometryTable& geometries,
         core::AudioMemory ring_memory, std::unique_ptr<AudioHistory> audio_history);

  // Immutable.
  const std::string& id() const noexcept { return options_.id; }
  std::uint64_t epoch() const noexcept { return opening_.epoch; }
  /// Place in the order of opening: larger is newer.
  std::uint64_t opened_order() const noexcept { return opening_.order; }
  Pacing pacing() const noexcept { return options_.pacing; }
  bool local() const noexcept { return options_.local; }
  const std::map<std::string, std::string>& labels() const noexcept { return options_.labels; }
  std::int64_t resampler_delay_ns() const noexcept { return options_.resampler_delay_ns; }

  /// Producer side for the publisher, consumer side for the tick thread.
  core::AudioFeed& feed() noexcept { return feed_; }
  /// Null without.
  AudioHistory* audio_history() const noexcept { return audio_history_.get(); }

  // Any thread.
  StreamStatus status() const;
  HeldAudio held_audio() const;
  /// Subscriptions of it now.
  std::int32_t n_readers() const;
  bool ended() const noexcept { return ended_.load(std::memory_order_acquire); }
  std::vector<std::shared_ptr<FeatureHistory>> histories() const;
  /// Increases whenever histories() changes.
  std::uint64_t histories_version() const noexcept { return histories_version_.load(std::memory_order_acquire); }
  /// The one of this front end (by hash) and smoothing, with one reader more, so that it is not retired; null if it is
  /// not computed.
  std::shared_ptr<FeatureHistory> join_history(const engine::FrontEnd& front_end, engine::Smoothing smoothing);
  /// Does nothing if one of its front end and smoothing is there. Throws Error(kFailedPrecondition) after the end.
  void add_history(std::shared_ptr<FeatureHistory> history);
  /// Retires the histories without readers for which the predicate holds.
  void retire_histories(const std::function<bool(const FeatureHistory&)>& idle);
  /// Asks the publisher to end, because its id was taken over.
  void take_over();
  /// Segments whose samples may still be held, oldest first.
  std::vector<Segment> segments() const;
  /// Parts of accepted samples [begin, end) that no source sent, oldest first, as far as these samples may be held. All
  /// before seen() are known.
  std::vector<core::FilledSpan> filled_spans(core::SampleIndex begin, core::SampleIndex end) const;
  /// Accepted samples that the tick thread has seen.
  core::SampleIndex seen() const noexcept { return seen_.load(std::memory_order_acquire); }
  /// Monotonic time of the end; nothing while live.
  std::optional<std::int64_t> ended_mono_ns() const;
  /// Nothing while live.
  std::optional<core::EndReason> end_reason() const;
  /// Length of the timeline that the tick thread has seen, gaps included.
  core::SampleIndex timeline_samples() const;
  /// Nothing follows what the tick thread has seen.
  bool all_seen() const noexcept { return all_seen_mono_ns_.load(std::memory_order_acquire) != kNotYet; }

  // Tick thread.
  void begin_segment(const Segment& segment);
  void close_segment(core::SampleIndex end);
  void add_filled(const core::FilledSpan& span);
  /// What add_filled() told, for the tick thread alone.
  const FilledLog& filled() const noexcept { return filled_; }
  /// Forgets segments (but never the newest) and filled spans that end at or before the accepted index.
  void forget(core::SampleIndex before);
  void set_seen(core::SampleIndex seen) noexcept { seen_.store(seen, std::memory_order_release); }
  /// Nothing follows. After set_seen(); the first time counts.
  void set_all_seen(std::int64_t now_mono_ns) noexcept;
  /// Somebody still reads the last windows, and has not taken too long.
  bool is_audio_kept(std::int64_t now_mono_ns) const noexcept;
  void set_level(float rms, float peak) noexcept;
  /// All rows are published: gives the audio memory back, wiped, and marks the stream ended. False, and nothing done,
  /// if the histories are no longer those of `histories_version`: the new one has rows to come.
  bool finish(core::EndReason reason, std::uint64_t histories_version, std::int64_t now_mono_ns);
  const GeometryTable& geometries() const noexcept { return geometries_; }

 private:
  friend class AudioHold;
  static constexpr std::int64_t kNotYet = -1;

  /// Needs mutex_, and a segment.
  core::SampleIndex timeline_of(core::SampleIndex accepted) const;
  /// Needs mutex_.
  std::shared_ptr<FeatureHistory> find_history(const engine::FrontEnd& front_end, engine::Smoothing smoothing) const;

  const StreamOptions options_;
  const StreamOpening opening_;
  const GeometryTable& geometries_;
  core::AudioFeed feed_;
  const std::unique_ptr<AudioHistory> audio_history_;

  // Writer: tick thread; readers: any. seen_ is stored after the samples' segment was recorded.
  std::atomic<core::SampleIndex> seen_{0};
  std::atomic<float> rms_{0.0F};
  std::atomic<float> peak_{0.0F};
  std::atomic<bool> ended_{false};
  std::atomic<std::int64_t> all_seen_mono_ns_{kNotYet};
  // Writers: holders of AudioHold; reader: tick thread.
  std::atomic<std::int32_t> n_audio_holds_{0};
  // Writers: whoever holds mutex_; reader: tick thread, to notice a change without the lock.
  std::atomic<std::uint64_t> histories_version_{0};

  mutable std::mutex mutex_;  // protects all below; the tick thread, which alone writes filled_, reads it without
  FilledLog filled_;
  std::vector<std::shared_ptr<FeatureHistory>> histories_;
  std::vector<Segment> segments_;  ///< reserved, so that the tick thread allocates nothing
  core::SampleIndex gap_samples_ = 0;
  std::int64_t ended_mono_ns_ = 0;
  core::EndReason end_reason_ = core::EndReason::kCompleted;
  bool taken_over_ = false;
};

/// While one lives, a stream that ends keeps its audio for a quarter of a second at most (it must be wiped within one),
/// so that windows of its last samples can be computed; not once its id is opened anew, or its place is needed. Let go
/// as soon as they are. Move-only.
class AudioHold {
 public:
  AudioHold() = default;
  explicit AudioHold(std::shared_ptr<Stream> stream);
  AudioHold(AudioHold&&) noexcept = default;
  AudioHold& operator=(AudioHold&& other) noexcept;
  ~AudioHold() { release(); }
  void release() noexcept;
  explicit operator bool() const noexcept { return stream_ != nullptr; }

 private:
  std::shared_ptr<Stream> stream_;
};

}  // namespace melstream::pipeline
