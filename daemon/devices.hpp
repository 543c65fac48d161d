// Audio devices of this machine, listed by a process of its own: the sound system may hang or print what it likes.
#pragma once

#include <string>
#include <vector>

namespace melstream::daemon {

/// Hidden option of melstreamd: list devices for another process.
inline constexpr const char* kProbeDevices = "--probe-devices";

/// What runs this program as a probe.
std::vector<std::string> device_probe_command();

/// For people, one device a line.
std::string list_devices();

}  // namespace melstream::daemon
