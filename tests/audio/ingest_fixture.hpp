// A publisher's ingest with its feeds, a clock that the test turns, and a reader that takes everything out of a feed.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "melstream/audio/ingest.hpp"
#include "melstream/core/audio_feed.hpp"
#include "melstream/core/clock.hpp"
#include "melstream/core/host_arena.hpp"

namespace melstream::test {

class TurnedClock final : public core::Clock {
 public:
  std::int64_t mono_ns() const noexcept override { return mono; }
  std::int64_t wall_ns() const noexcept override { return wall; }
  std::int64_t mono = 1'000'000'000'000;
  std::int64_t wall = 1'700'000'000'000'000'000;
};

/// What one feed carried, in order.
struct Taken {
  struct Segment {
    core::SegmentStart start;
    std::vector<float> samples;
  };
  std::vector<Segment> segments;
  std::vector<core::FilledSpan> filled;  ///< by accepted index
  int n_ends = 0;
  core::EndReason end_reason = core::EndReason::kCompleted;

  std::vector<float> all_samples() const {
    std::vector<float> all;
    for (const Segment& segment : segments) all.insert(all.end(), segment.samples.begin(), segment.samples.end());
    return all;
  }
  /// 16 kHz timeline position after the last sample.
  std::int64_t timeline_end() const {
    if (segments.empty()) return 0;
    return segments.back().start.timeline_begin + static_cast<std::int64_t>(segments.back().samples.size());
  }
};

/// Plays the tick thread: moves all that a feed holds into `taken`.
inline void drain(core::AudioFeed& feed, Taken& taken) {
  core::SampleIndex at = feed.ring().released();
  for (;;) {
    const core::SampleIndex written = feed.ring().written();
    const core::Boundary* const boundary = feed.boundary();
    const core::SampleIndex until = boundary != nullptr ? boundary->at : written;
    for (const auto part : feed.ring().view(at, static_cast<std::size_t>(until - at))) {
      if (!part.empty()) {
        auto& samples = taken.segments.back().samples;
        samples.insert(samples.end(), part.begin(), part.end());
      }
    }
    feed.release(until);
    at = until;
    for (const core::FilledSpan* span = feed.filled_span(); span != nullptr; span = feed.filled_span()) {
      taken.filled.push_back(*span);
      feed.pop_filled_span();
    }
    if (boundary == nullptr) return;
    if (boundary->kind == core::Boundary::Kind::kSegmentStart) {
      taken.segments.push_back({boundary->segment, {}});
    } else {
      ++taken.n_ends;
      taken.end_reason = boundary->end_reason;
    }
    feed.pop_boundary();
  }
}

struct Publisher {
  explicit Publisher(const core::PcmFormat& wanted, core::Conceal conceal = core::Conceal::kNone) : format(wanted) {
    std::vector<core::AudioFeed*> pointers;
    for (int i = 0; i < format.n_feeds(); ++i) {
      feeds.push_back(std::make_unique<core::AudioFeed>(arena.take()));
      pointers.push_back(feeds.back().get());
    }
    taken.resize(feeds.size());
    ingest = audio::make_ingest_factory(clock)(format, pointers, conceal);
  }

  std::size_t sample_bytes() const {
    return core::bytes_per_sample(format.encoding) * static_cast<std::size_t>(format.n_channels);
  }
  void push(std::span<const std::byte> bytes) { ingest->push(bytes, {.received_mono_ns = clock.mono}); }
  void drain_all() {
    for (std::size_t i = 0; i < feeds.size(); ++i) drain(*feeds[i], taken[i]);
  }
  /// Pushes everything in chunks of n_samples a channel, reading along, and finishes.
  void push_all(std::span<const std::byte> bytes, std::size_t n_samples) {
    while (!bytes.empty()) {
      const std::size_t n = std::min(bytes.size(), n_samples * sample_bytes());
      push(bytes.first(n));
      bytes = bytes.subspan(n);
      drain_all();
    }
    ingest->finish(core::EndReason::kCompleted);
    drain_all();
  }

  core::PcmFormat format;
  TurnedClock clock;
  core::HostArena arena{{.max_bytes = 1, .lock = false}};
  std::vector<std::unique_ptr<core::AudioFeed>> feeds;
  std::vector<Taken> taken;
  std::unique_ptr<core::PcmIngest> ingest;
};

/// Little-endian bytes of s16 values.
inline std::vector<std::byte> s16_bytes(std::span<const std::int16_t> values) {
  std::vector<std::byte> bytes;
  for (const std::int16_t value : values) {
    bytes.push_back(static_cast<std::byte>(value & 0xFF));
    bytes.push_back(static_cast<std::byte>(value >> 8 & 0xFF));
  }
  return bytes;
}

/// s16 samples first, first + 1, ... (wrapping at 16 bit): each tells its place.
inline std::vector<std::byte> counting_bytes(std::int64_t first, std::size_t n) {
  std::vector<std::int16_t> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<std::int16_t>(first + static_cast<std::int64_t>(i));
  return s16_bytes(values);
}

/// s16 samples of one value.
inline std::vector<std::byte> constant_bytes(std::int16_t value, std::size_t n) {
  return s16_bytes(std::vector<std::int16_t>(n, value));
}

}  // namespace melstream::test
