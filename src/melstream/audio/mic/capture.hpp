// One opening of a device, from the wish to the close. Shared by the microphone that wants it (thread ms-capture) and
// the control that opens it (ms-mic).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "melstream/audio/mic/backend.hpp"

namespace melstream::audio {

struct CaptureRequest {
  std::string source_id;
  std::string name;                     ///< as the URI says it
  core::AudioDevice known;              ///< the device that it was the last time, which goes first; without name: none
  std::optional<CaptureFormat> format;  ///< without: the device is looked up, not opened
  bool was_refused_format = false;      ///< `known` was looked up since the device did not take the format that it had
  int n_failures = 0;                   ///< attempts that failed before this one
};

class Capture final {
 public:
  enum class State : std::uint8_t { kPending, kReady, kFailed };
  struct Result {
    State state = State::kPending;
    core::AudioDevice device;                         ///< of kReady
    std::shared_ptr<core::CaptureRing> ring;          ///< of kReady, if it was opened
    DeviceProblem problem = DeviceProblem::kRefused;  ///< of kFailed
    std::string message;
    bool closed_for_rescan = false;  ///< it was fine, but the list of devices had to be read anew
  };

  explicit Capture(CaptureRequest request) : request_(std::move(request)) {}

  const CaptureRequest& request() const noexcept { return request_; }
  Result result() const {
    const std::lock_guard lock(mutex_);
    return result_;
  }
  bool wanted() const {
    const std::lock_guard lock(mutex_);
    return wanted_;
  }

  // The microphone.
  /// The device is closed soon; until then it captures nothing.
  void release() {
    const std::lock_guard lock(mutex_);
    wanted_ = false;
    if (result_.ring) result_.ring->shut();
  }

  // The control.
  void set_ready(core::AudioDevice found, std::shared_ptr<core::CaptureRing> ring) {
    const std::lock_guard lock(mutex_);
    result_.device = std::move(found);
    result_.ring = std::move(ring);
    result_.state = State::kReady;
  }
  void set_failed(DeviceProblem problem, std::string message) {
    const std::lock_guard lock(mutex_);
    result_.problem = problem;
    result_.message = std::move(message);
    result_.state = State::kFailed;
  }
  void set_closed_for_rescan() {
    const std::lock_guard lock(mutex_);
    result_.closed_for_rescan = true;
  }

 private:
  const CaptureRequest request_;
  mutable std::mutex mutex_;  // protects what follows; held for an instant only
  bool wanted_ = true;
  Result result_;
};

}  // namespace melstream::audio
