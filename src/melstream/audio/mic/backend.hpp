// The seam to what captures: PortAudio in the daemon, a script in tests. Its functions may hang, so one thread, ms-mic,
// calls them all; nothing else waits for it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "melstream/core/capture_ring.hpp"
#include "melstream/core/error.hpp"
#include "melstream/core/sources.hpp"

namespace melstream::audio {

/// How a device is opened. Samples are float32: what a device of 16 or 24 bit captures stays exact.
struct CaptureFormat {
  int sample_rate_hz = 0;
  int n_channels = 0;
  double latency_s = 0.02;  ///< size of the device's own buffer; it rounds as it likes
};

/// Why a device cannot be opened.
enum class DeviceProblem {
  kNotFound,  ///< no such name, or not one only
  kFormat,    ///< it does not have this rate or so many channels
  kRefused,   ///< anything else: taken by somebody, its server is down
};

class DeviceError : public core::Error {
 public:
  DeviceError(DeviceProblem problem, const std::string& message)
      : core::Error(problem == DeviceProblem::kNotFound ? core::ErrorCode::kNotFound : core::ErrorCode::kUnavailable,
                    message, "uri"),
        problem_(problem) {}
  DeviceProblem problem() const noexcept { return problem_; }

 private:
  DeviceProblem problem_;
};

/// A device that captures into a ring. The destructor aborts and closes: the callback does not run after it.
class CaptureDevice {
 public:
  virtual ~CaptureDevice() = default;
  /// False once it has stopped by itself. Many a failure does not show here.
  virtual bool is_active() = 0;
};

class AudioBackend {
 public:
  virtual ~AudioBackend() = default;
  /// Reads the list of devices anew. No CaptureDevice may be alive. Throws DeviceError(kRefused).
  virtual std::vector<core::AudioDevice> rescan() = 0;
  /// Opens and starts. @param device of the last rescan(). Throws DeviceError(kFormat, kRefused).
  virtual std::unique_ptr<CaptureDevice> open(const core::AudioDevice& device, const CaptureFormat& format,
                                              std::shared_ptr<core::CaptureRing> ring) = 0;
};

using BackendFactory = std::function<std::unique_ptr<AudioBackend>()>;

/// Lists the devices that are there now, apart from this process: an AudioBackend sees new ones only by a rescan, for
/// which every device must be closed. Thread-safe; takes up to 10 s. Throws DeviceError(kRefused).
using DeviceProbe = std::function<std::vector<core::AudioDevice>()>;

}  // namespace melstream::audio
