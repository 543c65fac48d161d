// One stream's audio on its way from the ingest thread to the tick thread: samples, the boundaries between segments,
// and when the samples arrived. Wait-free on both sides.
//
// Positions are accepted indices: samples written so far, gaps not counted. A segment maps them to the 16 kHz
// timeline, where gaps do count: timeline = segment.timeline_begin + (index - segment.begin).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <span>

#include "melstream/core/host_arena.hpp"
#include "melstream/core/reasons.hpp"
#include "melstream/core/sample_ring.hpp"
#include "melstream/core/spsc_queue.hpp"
#include "melstream/core/units.hpp"

namespace melstream::core {

/// An unbroken run of samples begins here.
struct SegmentStart {
  SampleIndex timeline_begin = 0;  ///< 16 kHz timeline position of its first sample
  GapReason reason =
      GapReason::kNetLoss;               ///< why the samples before it are missing; unused for a stream's first segment
  std::int64_t lost_source_samples = 0;  ///< at the source's rate, per channel
  std::int64_t capture_mono_ns = 0;      ///< anchor: capture time of the first sample, both clocks
  std::int64_t capture_wall_ns = 0;
};

/// What the consumer meets between samples, in order.
struct Boundary {
  enum class Kind : std::uint8_t { kSegmentStart, kEnd };
  SampleIndex at = 0;  ///< accepted index: samples [.., at) come before it
  Kind kind = Kind::kSegmentStart;
  SegmentStart segment;
  EndReason end_reason = EndReason::kCompleted;
};

/// Samples of a feed that no source sent, by accepted index.
struct FilledSpan {
  enum class Kind : std::uint8_t {
    kConcealed,   ///< lost and made up
    kSuppressed,  ///< silence that the sender left out: zeros
  };
  SampleIndex begin = 0;
  SampleIndex end = 0;
  Kind kind = Kind::kConcealed;
  bool operator==(const FilledSpan&) const = default;
};

class AudioFeed {
 public:
  /// @param memory power-of-two number of samples.
  explicit AudioFeed(AudioMemory memory) : ring_(std::move(memory)) {}

  // Producer: one thread at a time.
  /// Samples that write() takes now; 0 too while the boundary queue has no room for a segment start.
  std::size_t room() noexcept MELSTREAM_NONBLOCKING;
  /// Whether begin_segment() may be called now; room() > 0 says so too, but a full ring still takes a boundary.
  /// Two places: one stays free, so that finish() always finds its own.
  bool can_begin_segment() const noexcept MELSTREAM_NONBLOCKING { return boundaries_.room() >= 2; }
  /// Starts a segment at the current position. Call before the first write and after each gap, also for a gap that no
  /// sample follows (the stream ends); needs can_begin_segment().
  void begin_segment(const SegmentStart& segment) noexcept MELSTREAM_NONBLOCKING;
  /// Appends samples. @param samples at most room(). @param received_mono_ns when the last of them reached the daemon.
  void write(std::span<const float> samples, std::int64_t received_mono_ns) noexcept MELSTREAM_NONBLOCKING;
  /// Whether mark() may be called now.
  bool can_mark() const noexcept MELSTREAM_NONBLOCKING { return filled_.room() > 0; }
  /// These samples, none of them written yet, are sent by no source. Needs can_mark(), and spans in order.
  void mark(const FilledSpan& span) noexcept MELSTREAM_NONBLOCKING;
  /// Samples written so far.
  SampleIndex written() const noexcept MELSTREAM_NONBLOCKING { return ring_.written(); }
  /// finish() was called: nothing follows what is there. Any thread.
  bool finished() const noexcept MELSTREAM_NONBLOCKING { return finished_.load(std::memory_order_acquire); }
  /// Nothing follows. Idempotent; the first reason counts.
  void finish(EndReason reason) noexcept MELSTREAM_NONBLOCKING;

  // Consumer: the tick thread.
  const SampleRing& ring() const noexcept { return ring_; }
  void release(SampleIndex index) noexcept MELSTREAM_NONBLOCKING { ring_.release(index); }
  /// Oldest boundary not yet popped, or null. Read ring().written() before it, and no boundary below that is missed.
  const Boundary* boundary() const noexcept MELSTREAM_NONBLOCKING { return boundaries_.front(); }
  void pop_boundary() noexcept MELSTREAM_NONBLOCKING { boundaries_.pop(); }
  /// Oldest span not yet popped, or null. Read ring().written() before it, and no span that begins below is missed.
  const FilledSpan* filled_span() const noexcept MELSTREAM_NONBLOCKING { return filled_.front(); }
  void pop_filled_span() noexcept MELSTREAM_NONBLOCKING { filled_.pop(); }
  /// Gives the memory of the samples back, wiped. After the end only: the producer must not write any more.
  void give_back() noexcept { ring_.give_back(); }
  /// When sample `index` had arrived: the newest known time for anything later, the oldest kept for anything older (256
  /// writes behind the largest index asked for are kept).
  std::int64_t received_mono_ns(SampleIndex index) noexcept MELSTREAM_NONBLOCKING;

 private:
  struct Arrival {
    SampleIndex end;  ///< accepted index after the write
    std::int64_t mono_ns;
  };
  static constexpr std::size_t kBoundaries = 64;
  static constexpr std::size_t kFilledSpans = 64;
  static constexpr std::size_t kArrivals = 1024;
  static constexpr std::size_t kKeptArrivals = 256;

  SampleRing ring_;
  SpscQueue<Boundary, kBoundaries> boundaries_;
  SpscQueue<FilledSpan, kFilledSpans> filled_;
  SpscQueue<Arrival, kArrivals> arrivals_;
  // Writer: producer; readers: it, and whoever asks whether the stream's id is free.
  std::atomic<bool> finished_{false};
  std::array<Arrival, kKeptArrivals> kept_{};  // consumer: those popped last
  std::uint64_t n_popped_ = 0;                 // consumer
};

}  // namespace melstream::core
