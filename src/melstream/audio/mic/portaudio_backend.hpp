// Devices by PortAudio: the only file that knows it. What PortAudio does when a device fails is not what its manual
// says: no error comes, Pa_StopStream may hang, Pa_StartStream on a stream whose server died never returns. So streams
// are aborted, closed and opened anew, by name.
#pragma once

#include <memory>

#include "melstream/audio/mic/backend.hpp"
#include "melstream/core/clock.hpp"

struct PaStreamCallbackTimeInfo;

namespace melstream::audio {

/// One at a time in a process. PortAudio is initialised by the first rescan() and ended by the destructor.
/// @param clock outlives it.
std::unique_ptr<AudioBackend> make_portaudio_backend(const core::Clock& clock);

/// What PortAudio's callback works on.
struct CaptureTarget {
  core::CaptureRing& ring;
  const core::Clock& clock;
  std::int64_t opened_mono_ns = 0;
  int sample_rate_hz = 0;
};

/// The callback, on PortAudio's thread. Here so that a test can prove what it does without. @param target a
/// CaptureTarget.
int on_captured(const void* input, void* output, unsigned long n_samples, const PaStreamCallbackTimeInfo* time,
                unsigned long flags, void* target) noexcept MELSTREAM_NONBLOCKING;

}  // namespace melstream::audio
