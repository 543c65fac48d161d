#include "melstream/audio/mic/mic_control.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "melstream/audio/mic/device_name.hpp"
#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

constexpr std::chrono::milliseconds kPeriod{50};
constexpr std::size_t kMaxRingBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxRingBlocks = 64;  // HostArena's limit
// A list that is younger need not be compared with a probe.
constexpr std::int64_t kFreshNs = core::kNsPerSecond;
// A device that is there but cannot be opened gets a rescan after so many attempts, and then every so many: PortAudio
// leaks a little with each.
constexpr int kRescanAfter = 3;
constexpr int kRescanEvery = 16;

core::AudioDevice pick(const CaptureRequest& request, const std::vector<core::AudioDevice>& devices) {
  if (request.name != "default" && !request.known.name.empty()) {
    for (const core::AudioDevice& device : devices) {
      if (device.name == request.known.name) return device;
    }
  }
  return device_named(request.name, devices);
}

}  // namespace

/// A call of the backend is under way while it lives.
class MicControl::Calling {
 public:
  Calling(MicControl& control, const char* call, const std::string& device, const std::string& source_id)
      : control_(control) {
    const std::int64_t now = control.clock_.mono_ns();
    const std::lock_guard lock(control_.mutex_);
    control_.busy_ = BusyCall{.call = call, .device = device, .source_id = source_id, .since_ns = now};
  }
  Calling(const Calling&) = delete;
  Calling& operator=(const Calling&) = delete;
  ~Calling() {
    const std::lock_guard lock(control_.mutex_);
    control_.busy_.reset();
  }

 private:
  MicControl& control_;
};

MicControl::MicControl(BackendFactory make_backend, DeviceProbe probe, const core::Clock& clock)
    : make_backend_(std::move(make_backend)), probe_(std::move(probe)), clock_(clock) {}

MicControl::~MicControl() = default;

std::shared_ptr<Capture> MicControl::want(CaptureRequest request) {
  auto capture = std::make_shared<Capture>(std::move(request));
  const std::lock_guard lock(mutex_);
  wishes_.push_back(capture);
  woken_ = true;
  wake_.notify_one();
  return capture;
}

void MicControl::release(Capture& capture) {
  capture.release();
  const std::lock_guard lock(mutex_);
  woken_ = true;
  wake_.notify_one();
}

std::optional<BusyCall> MicControl::busy() const {
  const std::lock_guard lock(mutex_);
  return busy_;
}

std::int64_t MicControl::n_rescans() const {
  const std::lock_guard lock(mutex_);
  return n_rescans_;
}

void MicControl::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  wake_.notify_one();
}

void MicControl::run() {
  for (;;) {
    pass();
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, kPeriod, [this] { return woken_ || stopped_; });
    woken_ = false;
    if (stopped_) break;
  }
  for (Entry& entry : entries_) close(entry);
  entries_.clear();
  backend_.reset();
}

void MicControl::adopt_wishes() {
  const std::lock_guard lock(mutex_);
  for (auto& capture : wishes_) entries_.push_back({.capture = std::move(capture), .device = nullptr});
  wishes_.clear();
}

void MicControl::pass() {
  adopt_wishes();
  // First what is no longer wanted: a device that only one may have is free then.
  for (Entry& entry : entries_) {
    if (!entry.capture->wanted()) close(entry);
  }
  std::erase_if(entries_, [](const Entry& entry) { return !entry.device && !entry.capture->wanted(); });
  for (Entry& entry : entries_) {
    if (entry.capture->result().state == Capture::State::kPending) {
      serve(entry);
    } else {
      look_after(entry);
    }
  }
}

void MicControl::look_after(Entry& entry) {
  if (!entry.device) return;
  const Capture::Result result = entry.capture->result();
  const Calling calling(*this, "look at", result.device.name, entry.capture->request().source_id);
  if (!entry.device->is_active()) result.ring->finish();
}

void MicControl::close(Entry& entry) {
  if (!entry.device) return;
  const Calling calling(*this, "close", entry.capture->result().device.name, entry.capture->request().source_id);
  entry.device.reset();
}

void MicControl::serve(Entry& entry) {
  const CaptureRequest& request = entry.capture->request();
  try {
    if (!request.format) return entry.capture->set_ready(find_by_probe(request), nullptr);
    const core::AudioDevice device = find(request);
    try {
      open(entry, device);
    } catch (const DeviceError& error) {
      if (error.problem() != DeviceProblem::kRefused) throw;
      // It may be gone, or be there under another name: a card that was plugged in again.
      const core::AudioDevice there = find_by_probe(request);
      const bool try_rescan = !any_open() && request.n_failures % kRescanEvery == kRescanAfter;
      if (there.name == device.name && !try_rescan) throw;
      rescan(request);
      open(entry, find(request));
    }
  } catch (const DeviceError& error) {
    entry.capture->set_failed(error.problem(), error.what());
  } catch (const std::exception& error) {
    entry.capture->set_failed(DeviceProblem::kRefused, error.what());
  }
}

void MicControl::open(Entry& entry, const core::AudioDevice& device) {
  const CaptureRequest& request = entry.capture->request();
  const auto ring = make_ring(*request.format);
  try {
    const Calling calling(*this, "open", device.name, request.source_id);
    entry.device = backend_->open(device, *request.format, ring);
  } catch (const DeviceError& error) {
    throw DeviceError(error.problem(), "cannot open microphone '" + device.name + "' with " +
                                           std::to_string(request.format->n_channels) + " channels at " +
                                           std::to_string(request.format->sample_rate_hz) + " Hz: " + error.what());
  }
  entry.capture->set_ready(device, ring);
}

core::AudioDevice MicControl::find(const CaptureRequest& request) {
  if (listed_ns_ == 0) rescan(request);
  try {
    const core::AudioDevice& device = pick(request, devices_);
    const core::AudioDevice& known = request.known;
    const bool same = device.n_channels == known.n_channels && device.sample_rate_hz == known.sample_rate_hz;
    if (same || !request.was_refused_format || device.name != known.name) return device;
    rescan(request);
    return pick(request, devices_);
  } catch (const DeviceError&) {
    if (clock_.mono_ns() - listed_ns_ < kFreshNs) throw;
    find_by_probe(request);  // throws if it is not there either
    rescan(request);
    return pick(request, devices_);
  }
}

core::AudioDevice MicControl::find_by_probe(const CaptureRequest& request) {
  const Calling calling(*this, "list devices", request.name, request.source_id);
  return pick(request, probe_());
}

void MicControl::rescan(const CaptureRequest& request) {
  for (Entry& entry : entries_) {
    if (!entry.device) continue;
    close(entry);
    entry.capture->set_closed_for_rescan();
    entry.capture->result().ring->finish();
  }
  const Calling calling(*this, "rescan", request.name, request.source_id);
  if (!backend_) backend_ = make_backend_();
  devices_ = backend_->rescan();
  listed_ns_ = clock_.mono_ns();
  const std::lock_guard lock(mutex_);
  ++n_rescans_;
}

bool MicControl::any_open() const {
  return std::any_of(entries_.begin(), entries_.end(), [](const Entry& entry) { return entry.device != nullptr; });
}

std::shared_ptr<core::CaptureRing> MicControl::make_ring(const CaptureFormat& format) {
  struct Held {
    Held(std::shared_ptr<core::HostArena> kept, std::size_t n_blocks, int n_channels)
        : arena(std::move(kept)), ring(arena->take(n_blocks), n_channels) {}
    std::shared_ptr<core::HostArena> arena;
    core::CaptureRing ring;
  };
  if (!arena_) arena_ = std::make_shared<core::HostArena>(core::HostArena::Options{.max_bytes = kMaxRingBytes});
  // A second, rounded up to whole blocks.
  const auto wanted = static_cast<std::size_t>(format.sample_rate_hz) * static_cast<std::size_t>(format.n_channels);
  const std::size_t n_blocks = std::min((wanted + core::kBlockSamples - 1) / core::kBlockSamples, kMaxRingBlocks);
  auto held = std::make_shared<Held>(arena_, n_blocks, format.n_channels);
  return {held, &held->ring};
}

}  // namespace melstream::audio
