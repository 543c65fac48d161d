// All microphones of the process, and their two threads: ms-capture moves samples from capture rings to sample rings
// and watches over the devices, ms-mic opens and closes them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "melstream/audio/mic/backend.hpp"
#include "melstream/core/clock.hpp"

namespace melstream::audio {

class Mic;
class MicControl;

/// Outlives the sources that use it. Costs nothing before the first of them.
class Microphones final {
 public:
  enum class Threads {
    kOwn,    ///< start with the first microphone
    kTurned  ///< none: a test calls capture_pass() and control().pass()
  };
  /// @param clock outlives it.
  Microphones(BackendFactory make_backend, DeviceProbe probe, const core::Clock& clock,
              Threads threads = Threads::kOwn);
  Microphones(const Microphones&) = delete;
  Microphones& operator=(const Microphones&) = delete;
  /// Waits up to 2 s for ms-mic. If that hangs in the sound system, the thread and what it touches are left to the end
  /// of the process, which must be near.
  ~Microphones();

  /// Devices that capture, as they are now. Any thread; takes up to 10 s. Throws DeviceError(kRefused).
  std::vector<core::AudioDevice> devices() const;

  /// Any thread.
  void add(std::shared_ptr<Mic> mic);
  void remove(const std::shared_ptr<Mic>& mic);
  MicControl& control() noexcept { return *control_; }
  /// Passes of ms-capture so far. Any thread.
  std::int64_t n_passes() const noexcept { return n_passes_.load(std::memory_order_relaxed); }
  /// ms-capture runs: there was a microphone. Any thread.
  bool runs() const;

  /// What ms-capture does every 5 ms; 50 ms do where it returns false.
  bool capture_pass();

 private:
  struct ControlThread;
  void start_threads();
  void run_capture();

  // Writer: ms-capture; readers: any.
  std::atomic<std::int64_t> n_passes_{0};
  const Threads threads_;
  const std::shared_ptr<MicControl> control_;
  mutable std::mutex mutex_;  // protects what follows
  std::vector<std::shared_ptr<Mic>> mics_;
  bool changed_ = false;  // mics_, since ms-capture copied it
  bool stopped_ = false;
  std::shared_ptr<ControlThread> control_thread_;  // null before the first microphone
  std::vector<std::shared_ptr<Mic>> passing_;      // of ms-capture alone: a copy, so that it holds no lock in a pass
  std::thread capture_thread_;
};

/// With PortAudio. @param probe_command runs run_portaudio_probe() as its main(): the program itself with an argument
/// of its own.
std::unique_ptr<Microphones> make_portaudio_microphones(std::vector<std::string> probe_command,
                                                        const core::Clock& clock);

/// Lists PortAudio's devices for a probe and ends the process: for main(), before anything else.
[[noreturn]] void run_portaudio_probe();

}  // namespace melstream::audio
