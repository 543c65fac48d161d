// What a load test puts on a daemon. Immutable while it runs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "client/audio_format.hpp"
#include "client/load/schedule.hpp"

namespace melstream::client {

enum class LoadReaders : std::uint8_t {
  kNone,  ///< audio goes in, nothing is asked for
  kOne,   ///< a call for each stream
  kMany,  ///< a call for all streams of a thread
};

struct LoadPlan {
  std::string run;  ///< in the ids of streams and in the label "load"
  int n_streams = 0;
  int n_threads = 1;  ///< that send, and as many that read
  AudioFormat format;
  int chunk_ms = 20;
  bool batch = false;
  LoadReaders readers = LoadReaders::kOne;
  int calls_per_connection = 50;
  std::string front_end;
  int block_frames = 4;
  double ramp_s = 2;
  double seconds = 60;              ///< that are measured, after the ramp
  std::vector<std::string> chunks;  ///< encoded; streams go round them

  std::int64_t chunk_samples() const noexcept { return std::int64_t{format.rate_hz} * chunk_ms / 1000; }
  std::int64_t chunk_ns() const noexcept { return std::int64_t{chunk_ms} * 1'000'000; }
  std::int64_t ramp_ns() const noexcept { return static_cast<std::int64_t>(ramp_s * 1e9); }
  /// Streams of a thread: [first_of(t), first_of(t + 1)).
  int first_of(int thread) const noexcept { return static_cast<int>(std::int64_t{n_streams} * thread / n_threads); }
  /// Streams that one message carries. One of StreamAudioBatch could take 1,000,000 bytes and 8,000 entries: smaller
  /// ones spread the load better over the chunk period.
  int group_size() const noexcept {
    constexpr std::int64_t kMostBytes = 500'000;
    constexpr std::int64_t kMost = 250;
    if (!batch) return 1;
    const auto chunk_bytes = chunk_samples() * static_cast<std::int64_t>(format.bytes_per_step());
    return static_cast<int>(std::clamp<std::int64_t>(kMostBytes / chunk_bytes, 1, kMost));
  }
  Schedule schedule_of(int thread) const noexcept {
    return {n_streams, first_of(thread), first_of(thread + 1) - first_of(thread), group_size(), chunk_ns(), ramp_ns()};
  }
  std::string stream_id(int stream) const { return "load-" + run + "-" + std::to_string(stream); }
};

/// When things happen: by the steady clock, and the same moments by Unix time, as it was at the start.
struct LoadTimes {
  std::int64_t start_ns = 0;  ///< steady
  std::int64_t unix_minus_steady_ns = 0;
};

}  // namespace melstream::client
