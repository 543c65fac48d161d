// What sources of a network stand on in tests: a clock that the test turns, streams that are recorded, events kept.
#pragma once

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "melstream/audio/net_loop.hpp"
#include "melstream/audio/source.hpp"

#include "tests/audio/ingest_fixture.hpp"
#include "tests/audio/stream_recorder.hpp"

namespace melstream::test {

/// A clock that the thread of sockets reads while the test turns it.
class SharedClock final : public core::Clock {
 public:
  std::int64_t mono_ns() const noexcept override { return mono_; }
  std::int64_t wall_ns() const noexcept override { return 1'700'000'000'000'000'000; }
  void turn(double seconds) { mono_ += static_cast<std::int64_t>(seconds * 1e9); }

 private:
  std::atomic<std::int64_t> mono_{1'000'000'000'000};
};

/// Thread-safe.
class EventRecorder {
 public:
  void add(const audio::SourceEvent& event) {
    std::string line(event.name);
    for (const auto& [key, value] : event.fields) line.append(" ").append(key).append("=").append(value);
    const std::lock_guard lock(mutex_);
    lines_.push_back(line);
  }
  /// "name key=value key=value" of each.
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  /// Lines that have this in them.
  std::size_t count(const std::string& part) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(
        lines_.begin(), lines_.end(), [&](const std::string& line) { return line.find(part) != std::string::npos; }));
  }

 private:
  mutable std::mutex mutex_;  // protects lines_
  std::vector<std::string> lines_;
};

struct NetSourceWorld {
  SharedClock clock;
  StreamRecorder recorder{clock};
  EventRecorder events;
  audio::NetLoop net;
  audio::SourceParts parts{recorder.opener(), clock, [this](const audio::SourceEvent& event) { events.add(event); },
                           net};
};

/// -1: there is none.
inline std::int64_t counter(const core::SourceStatus& status, const std::string& name) {
  for (const core::SourceCounter& one : status.counters) {
    if (one.name == name) return one.value;
  }
  return -1;
}

/// What counting_bytes(first, n) is as samples.
inline std::vector<float> counting_samples(std::int64_t first, std::size_t n) {
  std::vector<float> samples(n);
  for (std::size_t i = 0; i < n; ++i) {
    samples[i] = static_cast<float>(static_cast<std::int16_t>(first + static_cast<std::int64_t>(i))) / 32768.0F;
  }
  return samples;
}

}  // namespace melstream::test
