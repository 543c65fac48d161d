// Microphones on a scripted sound system and a clock that the test turns.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/audio/mic/mic_control.hpp"
#include "melstream/audio/mic/mic_kind.hpp"
#include "melstream/audio/mic/microphones.hpp"
#include "melstream/audio/net_loop.hpp"

#include "tests/audio/mic/scripted_backend.hpp"
#include "tests/audio/stream_recorder.hpp"

namespace melstream::test {

inline core::AudioDevice device_of(const std::string& name, double rate_hz = 16000, int n_channels = 1) {
  return {.name = name, .host_api = "ALSA", .n_channels = n_channels, .sample_rate_hz = rate_hz, .is_default = false};
}

class MicTest : public testing::Test {
 protected:
  std::unique_ptr<audio::Source> open(const std::string& id, const std::string& uri) {
    const core::SourceSpec spec{.id = id, .uri = uri, .labels = {}};
    const audio::SourceUri parsed = audio::parse_source_uri(uri);
    return audio::mic_kind().make(spec, parsed,
                                  {.open_stream = recorder.opener(),
                                   .clock = clock,
                                   .tell =
                                       [this](const audio::SourceEvent& event) {
                                         const std::lock_guard lock(events_mutex_);
                                         events_.push_back(event);
                                       },
                                   .net = net_,
                                   .microphones = microphones.get()});
  }

  /// Time passes: devices deliver every 10 ms, ms-capture looks every 5 ms, ms-mic every 50 ms.
  void turn(std::int64_t ms) {
    for (std::int64_t i = 0; i < ms; i += 5) {
      clock.advance_ms(5);
      elapsed_ms_ += 5;
      if (elapsed_ms_ % 10 == 0) deliver_all();
      microphones->capture_pass();
      if (turn_control && elapsed_ms_ % 50 == 0) microphones->control().pass();
      recorder.all();
    }
  }
  void deliver_all() {
    std::vector<ScriptedDevice*> devices;
    {
      const std::lock_guard lock(script.mutex);
      devices = script.open;
    }
    for (ScriptedDevice* const device : devices) {
      if (!device->runs || device->dead) continue;
      const std::int64_t n = device->format.sample_rate_hz / 100;
      device->deliver(next_sample[device->name()], n);
      next_sample[device->name()] += n;
    }
  }

  int n_events(const std::string& name) {
    const std::lock_guard lock(events_mutex_);
    return static_cast<int>(
        std::count_if(events_.begin(), events_.end(), [&](const auto& event) { return event.name == name; }));
  }
  /// Value of a field of the newest event of this name.
  std::string field(const std::string& name, const std::string& key) {
    const std::lock_guard lock(events_mutex_);
    std::string value;
    for (const audio::SourceEvent& event : events_) {
      if (event.name != name) continue;
      for (const auto& [known, text] : event.fields) {
        if (known == key) value = text;
      }
    }
    return value;
  }
  static std::int64_t counter(const audio::Source& source, const std::string& name) {
    for (const core::SourceCounter& one : source.status().counters) {
      if (one.name == name) return one.value;
    }
    ADD_FAILURE() << "no counter " << name;
    return -1;
  }

 public:
  ManualClock clock;
  Script script{clock};
  StreamRecorder recorder{clock};
  std::map<std::string, std::int64_t> next_sample;  ///< by device: what it delivers next
  bool turn_control = true;
  std::unique_ptr<audio::Microphones> microphones =
      std::make_unique<audio::Microphones>([this] { return std::make_unique<ScriptedBackend>(script); },
                                           [this] {
                                             const std::lock_guard lock(script.mutex);
                                             ++script.n_probes;
                                             return script.there;
                                           },
                                           clock, audio::Microphones::Threads::kTurned);

 private:
  audio::NetLoop net_;
  std::mutex events_mutex_;
  std::vector<audio::SourceEvent> events_;  // guarded by events_mutex_
  std::int64_t elapsed_ms_ = 0;
};

}  // namespace melstream::test
