#include "melstream/audio/mic/device_name.hpp"

#include <algorithm>
#include <cctype>
#include <string>

#include "melstream/audio/mic/backend.hpp"

namespace melstream::audio {
namespace {

bool contains(std::string_view text, std::string_view part) {
  const auto alike = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), alike) != text.end();
}

/// "'pulse', 'default'"; each once.
std::string names_of(const std::vector<const core::AudioDevice*>& devices) {
  std::vector<std::string> seen;
  std::string text;
  for (const core::AudioDevice* const device : devices) {
    if (std::find(seen.begin(), seen.end(), device->name) != seen.end()) continue;
    seen.push_back(device->name);
    text += (text.empty() ? "'" : ", '") + device->name + "'";
  }
  return text;
}

[[noreturn]] void not_found(const std::string& message) { throw DeviceError(DeviceProblem::kNotFound, message); }

}  // namespace

const core::AudioDevice& device_named(std::string_view name, const std::vector<core::AudioDevice>& devices) {
  const std::string quoted = "'" + std::string(name) + "'";
  if (devices.empty()) not_found("no microphone " + quoted + ": this machine has no device that captures");
  std::vector<const core::AudioDevice*> all;
  all.reserve(devices.size());
  for (const core::AudioDevice& device : devices) all.push_back(&device);
  if (name == "default") {
    for (const core::AudioDevice& device : devices) {
      if (device.is_default) return device;
    }
    not_found("there is no default microphone; name one of " + names_of(all));
  }
  std::vector<const core::AudioDevice*> candidates;
  for (const core::AudioDevice& device : devices) {
    if (device.name == name) return device;
    if (contains(device.name, name)) candidates.push_back(&device);
  }
  if (candidates.empty()) not_found("no microphone " + quoted + "; there are " + names_of(all));
  for (const core::AudioDevice* const device : candidates) {
    // One name in two host APIs is one device: the first.
    if (device->name != candidates.front()->name) {
      not_found(quoted + " is part of several names: " + names_of(candidates) + "; give more of one");
    }
  }
  return *candidates.front();
}

}  // namespace melstream::audio
