#include "daemon/devices.hpp"

#include <cstdio>

#include "melstream/audio/mic/microphones.hpp"
#include "melstream/core/clock.hpp"

namespace melstream::daemon {

std::vector<std::string> device_probe_command() { return {"/proc/self/exe", kProbeDevices}; }

std::string list_devices() {
  const core::SystemClock clock;
  const auto microphones = audio::make_portaudio_microphones(device_probe_command(), clock);
  std::string text;
  for (const core::AudioDevice& device : microphones->devices()) {
    char line[64];
    std::snprintf(line, sizeof(line), "  (%s, %d channels, %.0f Hz%s)\n", device.host_api.c_str(), device.n_channels,
                  device.sample_rate_hz, device.is_default ? ", default" : "");
    text += "mic:" + device.name + line;
  }
  return text.empty() ? "no device captures here\n" : text;
}

}  // namespace melstream::daemon
