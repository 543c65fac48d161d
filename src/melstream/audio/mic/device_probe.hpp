// Lists devices in a child process: a sound system that hangs is ended with the child, and a daemon that captures need
// not close its devices to see new ones.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "melstream/audio/mic/backend.hpp"

namespace melstream::audio {

/// A probe that runs `command` (a program and its arguments) and reads what run_device_probe() writes. The child is
/// killed after 10 s.
DeviceProbe make_device_probe(std::vector<std::string> command);

/// The child's side, for main(): writes the devices to standard output. Returns the exit status.
int run_device_probe(AudioBackend& backend);

/// One line a device: name, host API, channels, rate, "default" or "-", apart by tabs; control characters of names
/// become blanks.
std::string device_lines(const std::vector<core::AudioDevice>& devices);
/// The other way. Throws DeviceError(kRefused) for anything else.
std::vector<core::AudioDevice> parse_device_lines(std::string_view text);

}  // namespace melstream::audio
