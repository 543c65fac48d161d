#include "melstream/audio/mic/portaudio_backend.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include <alsa/asoundlib.h>
#include <portaudio.h>

#include "melstream/audio/mic/quiet_stderr.hpp"
#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

// A callback every 10 ms.
constexpr int kCallbacksPerSecond = 100;
constexpr double kMaxAdcOffsetS = 1.0;

/// snd_lib_error_set_handler() takes a plain variadic function only.
void drop_alsa_message(const char* /*file*/, int /*line*/, const char* /*function*/, int /*error*/,
                       const char* /*format*/, ...) {}

/// "Illegal combination of I/O devices" is what PortAudio says when a sound server is down.
std::string reason_of(PaError error) {
  std::string text = Pa_GetErrorText(error);
  if (error == paBadIODeviceCombination || error == paUnanticipatedHostError || error == paDeviceUnavailable) {
    text += " (its sound server is down, or another program has it)";
  }
  return text;
}

DeviceProblem problem_of(PaError error) noexcept {
  switch (error) {
    case paInvalidSampleRate:
    case paInvalidChannelCount:
    case paSampleFormatNotSupported:
      return DeviceProblem::kFormat;
    default:
      return DeviceProblem::kRefused;
  }
}

class PortAudioDevice final : public CaptureDevice {
 public:
  PortAudioDevice(PaDeviceIndex index, const CaptureFormat& format, std::shared_ptr<core::CaptureRing> ring,
                  const core::Clock& clock)
      : ring_(std::move(ring)),
        target_{.ring = *ring_,
                .clock = clock,
                .opened_mono_ns = clock.mono_ns(),
                .sample_rate_hz = format.sample_rate_hz} {
    const PaStreamParameters parameters{.device = index,
                                        .channelCount = format.n_channels,
                                        .sampleFormat = paFloat32,
                                        .suggestedLatency = format.latency_s,
                                        .hostApiSpecificStreamInfo = nullptr};
    const auto n_per_callback = static_cast<unsigned long>(format.sample_rate_hz / kCallbacksPerSecond);
    require(Pa_OpenStream(&stream_, &parameters, nullptr, format.sample_rate_hz, n_per_callback,
                          paClipOff | paDitherOff, on_captured, &target_));
    Pa_SetStreamFinishedCallback(stream_,
                                 [](void* target) { static_cast<const CaptureTarget*>(target)->ring.finish(); });
    const PaError error = Pa_StartStream(stream_);
    if (error != paNoError) close();
    require(error);
  }
  PortAudioDevice(const PortAudioDevice&) = delete;
  PortAudioDevice& operator=(const PortAudioDevice&) = delete;
  ~PortAudioDevice() override {
    const QuietScope quiet;
    close();
  }

  bool is_active() override {
    const QuietScope quiet;
    return Pa_IsStreamActive(stream_) == 1;
  }

 private:
  static void require(PaError error) {
    if (error != paNoError) throw DeviceError(problem_of(error), reason_of(error));
  }
  void close() noexcept {
    Pa_AbortStream(stream_);
    Pa_CloseStream(stream_);
  }

  const std::shared_ptr<core::CaptureRing> ring_;
  CaptureTarget target_;
  PaStream* stream_ = nullptr;
};

class PortAudioBackend final : public AudioBackend {
 public:
  explicit PortAudioBackend(const core::Clock& clock) : clock_(clock) {
    quieten_sound_libraries();
    snd_lib_error_set_handler(drop_alsa_message);
  }
  PortAudioBackend(const PortAudioBackend&) = delete;
  PortAudioBackend& operator=(const PortAudioBackend&) = delete;
  ~PortAudioBackend() override {
    const QuietScope quiet;
    terminate();
  }

  std::vector<core::AudioDevice> rescan() override {
    const QuietScope quiet;
    terminate();
    const PaError error = Pa_Initialize();
    if (error != paNoError) throw DeviceError(DeviceProblem::kRefused, "PortAudio: " + reason_of(error));
    initialized_ = true;
    std::vector<core::AudioDevice> devices;
    for (PaDeviceIndex index = 0; index < Pa_GetDeviceCount(); ++index) {
      const PaDeviceInfo* const info = Pa_GetDeviceInfo(index);
      if (info == nullptr || info->maxInputChannels <= 0) continue;
      const PaHostApiInfo* const api = Pa_GetHostApiInfo(info->hostApi);
      devices.push_back({.name = info->name,
                         .host_api = api != nullptr ? api->name : "",
                         .n_channels = info->maxInputChannels,
                         .sample_rate_hz = info->defaultSampleRate,
                         .is_default = index == Pa_GetDefaultInputDevice()});
    }
    return devices;
  }

  std::unique_ptr<CaptureDevice> open(const core::AudioDevice& device, const CaptureFormat& format,
                                      std::shared_ptr<core::CaptureRing> ring) override {
    const QuietScope quiet;
    for (PaDeviceIndex index = 0; index < Pa_GetDeviceCount(); ++index) {
      const PaDeviceInfo* const info = Pa_GetDeviceInfo(index);
      if (info == nullptr || info->maxInputChannels <= 0 || info->name != device.name) continue;
      const PaHostApiInfo* const api = Pa_GetHostApiInfo(info->hostApi);
      if (api == nullptr || api->name != device.host_api) continue;
      return std::make_unique<PortAudioDevice>(index, format, std::move(ring), clock_);
    }
    throw DeviceError(DeviceProblem::kRefused, "PortAudio no longer lists it");
  }

 private:
  void terminate() noexcept {
    if (std::exchange(initialized_, false)) Pa_Terminate();
  }

  const core::Clock& clock_;
  bool initialized_ = false;
};

}  // namespace

std::unique_ptr<AudioBackend> make_portaudio_backend(const core::Clock& clock) {
  return std::make_unique<PortAudioBackend>(clock);
}

int on_captured(const void* input, void* /*output*/, unsigned long n_samples, const PaStreamCallbackTimeInfo* time,
                unsigned long /*flags*/, void* target) noexcept {
  quieten_this_thread();
  const auto& to = *static_cast<const CaptureTarget*>(target);
  const std::int64_t now = to.clock.mono_ns();
  // The first sample is at least as old as the block is long. How much older PortAudio says by times that are good for
  // nothing but their difference, and not always for that.
  const std::int64_t length_ns = static_cast<std::int64_t>(n_samples) * core::kNsPerSecond / to.sample_rate_hz;
  const double offset_s = time != nullptr ? time->currentTime - time->inputBufferAdcTime : 0.0;
  const double usable_s = std::isfinite(offset_s) ? std::clamp(offset_s, 0.0, kMaxAdcOffsetS) : 0.0;
  const auto age_ns = std::max(length_ns, static_cast<std::int64_t>(usable_s * 1e9));
  to.ring.write(static_cast<const float*>(input), n_samples, now, std::max(now - age_ns, to.opened_mono_ns));
  return paContinue;
}

}  // namespace melstream::audio
