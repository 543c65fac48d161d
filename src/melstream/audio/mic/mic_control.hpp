// Opens, closes and lists devices for all microphones: the thread ms-mic, which may hang in any call of the backend.
// Nobody waits for it; whoever wants a device looks at its Capture.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "melstream/audio/mic/backend.hpp"
#include "melstream/audio/mic/capture.hpp"
#include "melstream/core/clock.hpp"
#include "melstream/core/host_arena.hpp"
#include "melstream/core/units.hpp"

namespace melstream::audio {

/// A call of the backend that is under way.
struct BusyCall {
  std::string call;  ///< "open", "close", "rescan" ...
  std::string device;
  std::string source_id;  ///< for whom
  std::int64_t since_ns = 0;
};

/// It takes so long that somebody should know.
constexpr bool is_hang(const BusyCall& busy, std::int64_t now_ns) noexcept {
  return now_ns - busy.since_ns >= 5 * core::kNsPerSecond;
}

class MicControl final {
 public:
  /// The backend is made by the first pass() that needs it. @param clock outlives it.
  MicControl(BackendFactory make_backend, DeviceProbe probe, const core::Clock& clock);
  MicControl(const MicControl&) = delete;
  MicControl& operator=(const MicControl&) = delete;
  ~MicControl();

  // Any thread.
  std::shared_ptr<Capture> want(CaptureRequest request);
  void release(Capture& capture);
  std::optional<BusyCall> busy() const;
  std::int64_t n_rescans() const;
  /// In a child process, on this thread.
  std::vector<core::AudioDevice> probe() const { return probe_(); }
  /// run() returns as soon as the call under way does.
  void stop();

  // ms-mic.
  /// Does all that is wanted now, and looks whether devices are still active.
  void pass();
  /// Passes, every 50 ms and when something is wanted, until stop(); then closes all.
  void run();

 private:
  class Calling;
  /// A Capture and its device, if it is open.
  struct Entry {
    std::shared_ptr<Capture> capture;
    std::unique_ptr<CaptureDevice> device;
  };

  void adopt_wishes();
  void serve(Entry& entry);
  void look_after(Entry& entry);
  void close(Entry& entry);
  void open(Entry& entry, const core::AudioDevice& device);
  /// Closes every device first.
  void rescan(const CaptureRequest& request);
  core::AudioDevice find(const CaptureRequest& request);
  /// What the request means among devices that are there now, as a child process sees them.
  core::AudioDevice find_by_probe(const CaptureRequest& request);
  bool any_open() const;
  std::shared_ptr<core::CaptureRing> make_ring(const CaptureFormat& format);

  const BackendFactory make_backend_;
  const DeviceProbe probe_;
  const core::Clock& clock_;

  mutable std::mutex mutex_;  // protects what follows
  std::condition_variable wake_;
  std::vector<std::shared_ptr<Capture>> wishes_;  // not yet in entries_
  std::optional<BusyCall> busy_;
  std::int64_t n_rescans_ = 0;
  bool woken_ = false;
  bool stopped_ = false;

  // Of ms-mic alone.
  std::shared_ptr<core::HostArena> arena_;  // of the rings, which keep it; made with the first
  std::unique_ptr<AudioBackend> backend_;
  std::vector<core::AudioDevice> devices_;  // as of the last rescan
  std::int64_t listed_ns_ = 0;              // when; 0: never
  std::vector<Entry> entries_;
};

}  // namespace melstream::audio
