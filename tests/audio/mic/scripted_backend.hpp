// A sound system that a test plays: which devices are there, what opening them does, when they deliver, die or hang.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "melstream/audio/mic/backend.hpp"
#include "melstream/core/units.hpp"

#include "tests/support/manual_clock.hpp"

namespace melstream::test {

class ScriptedDevice;

/// Thread-safe. Outlives the backends.
class Script {
 public:
  explicit Script(ManualClock& wanted_clock) : clock(wanted_clock) {}

  void plug(core::AudioDevice device) {
    const std::lock_guard lock(mutex);
    there.push_back(std::move(device));
  }
  void unplug(const std::string& name) {
    const std::lock_guard lock(mutex);
    std::erase_if(there, [&](const core::AudioDevice& device) { return device.name == name; });
  }
  /// How opening this device fails, until allow().
  void refuse(const std::string& name, audio::DeviceProblem problem) {
    const std::lock_guard lock(mutex);
    refusals[name] = problem;
  }
  void allow(const std::string& name) {
    const std::lock_guard lock(mutex);
    refusals.erase(name);
  }
  /// The next opening of this device waits for release_hang().
  void hang_at_open(const std::string& name) {
    const std::lock_guard lock(mutex);
    hanging = name;
  }
  bool is_hung() {
    const std::lock_guard lock(mutex);
    return hung;
  }
  void release_hang() {
    const std::lock_guard lock(mutex);
    hanging.clear();
    released.notify_all();
  }
  /// The newest open device of this name, or null.
  ScriptedDevice* device(const std::string& name);

  ManualClock& clock;
  std::mutex mutex;  // protects what follows
  std::condition_variable released;
  std::vector<core::AudioDevice> there;
  std::map<std::string, audio::DeviceProblem> refusals;
  std::string hanging;
  bool hung = false;
  std::vector<ScriptedDevice*> open;
  int n_opened = 0;
  int n_rescans = 0;
  int n_probes = 0;
};

class ScriptedDevice final : public audio::CaptureDevice {
 public:
  ScriptedDevice(Script& script, std::string name, const audio::CaptureFormat& wanted,
                 std::shared_ptr<core::CaptureRing> ring)
      : format(wanted), script_(script), name_(std::move(name)), ring_(std::move(ring)) {
    script_.open.push_back(this);
    ++script_.n_opened;
  }
  ~ScriptedDevice() override {
    const std::lock_guard lock(script_.mutex);
    std::erase(script_.open, this);
  }
  bool is_active() override { return !dead; }

  /// One callback with samples first, first + 1 ... (x / 32768; the same in all channels), captured until now.
  void deliver(std::int64_t first, std::int64_t n, std::int64_t extra_age_ns = 0) {
    std::vector<float> samples;
    for (std::int64_t i = 0; i < n * format.n_channels; ++i) {
      samples.push_back(static_cast<float>((first + i / format.n_channels) % 32768) / 32768.0F);
    }
    const std::int64_t now = script_.clock.mono_ns();
    ring_->write(samples.data(), static_cast<std::size_t>(n), now,
                 now - n * core::kNsPerSecond / format.sample_rate_hz - extra_age_ns);
  }
  /// PortAudio's "finished" callback: its server died.
  void finish() { ring_->finish(); }
  const std::string& name() const { return name_; }

  const audio::CaptureFormat format;
  bool runs = true;   ///< its callback runs
  bool dead = false;  ///< stopped without a word: only is_active() tells
  std::int64_t delivered_ns = 0;

 private:
  Script& script_;
  const std::string name_;
  const std::shared_ptr<core::CaptureRing> ring_;
};

inline ScriptedDevice* Script::device(const std::string& name) {
  const std::lock_guard lock(mutex);
  for (auto one = open.rbegin(); one != open.rend(); ++one) {
    if ((*one)->name() == name) return *one;
  }
  return nullptr;
}

class ScriptedBackend final : public audio::AudioBackend {
 public:
  explicit ScriptedBackend(Script& script) : script_(script) {}

  std::vector<core::AudioDevice> rescan() override {
    const std::lock_guard lock(script_.mutex);
    ++script_.n_rescans;
    // As PortAudio: it closes what is open. Nobody may rely on that.
    if (!script_.open.empty()) throw audio::DeviceError(audio::DeviceProblem::kRefused, "rescan with open devices");
    listed_ = script_.there;
    return listed_;
  }
  std::unique_ptr<audio::CaptureDevice> open(const core::AudioDevice& device, const audio::CaptureFormat& format,
                                             std::shared_ptr<core::CaptureRing> ring) override {
    using audio::DeviceError;
    using audio::DeviceProblem;
    std::unique_lock lock(script_.mutex);
    if (script_.hanging == device.name) {
      script_.hung = true;
      script_.released.wait(lock, [&] { return script_.hanging.empty(); });
      script_.hung = false;
    }
    const auto named = [&](const core::AudioDevice& other) { return other.name == device.name; };
    if (std::none_of(listed_.begin(), listed_.end(), named)) throw DeviceError(DeviceProblem::kRefused, "not listed");
    if (std::none_of(script_.there.begin(), script_.there.end(), named)) {
      throw DeviceError(DeviceProblem::kRefused, "Illegal combination of I/O devices");
    }
    if (const auto refusal = script_.refusals.find(device.name); refusal != script_.refusals.end()) {
      throw DeviceError(refusal->second, "refused by the script");
    }
    return std::make_unique<ScriptedDevice>(script_, device.name, format, std::move(ring));
  }

 private:
  Script& script_;
  std::vector<core::AudioDevice> listed_;
};

}  // namespace melstream::test
