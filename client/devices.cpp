// melstream devices: what can capture on the daemon's machine.
#include <cstdio>
#include <string>
#include <vector>

#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/json_object.hpp"
#include "client/number_text.hpp"

namespace melstream::client {
namespace {

std::string device_json(const v1::AudioDevice& device) {
  JsonObject json;
  json.add("name", device.name()).add("host_api", device.host_api());
  json.add("channels", std::int64_t{device.channel_count()}).add("sample_rate_hz", device.sample_rate_hertz());
  json.add("default", device.is_default());
  return json.text();
}

/// For a shell, within single quotes; a URI keeps '%', '?' and '#' for itself.
std::string uri_of(const std::string& name) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string uri = "mic:";
  for (const char c : name) {
    if (c == '%' || c == '?' || c == '#' || c == '\'') {
      const auto code = static_cast<unsigned char>(c);
      uri += '%';
      uri += kDigits[code >> 4];
      uri += kDigits[code & 0xF];
    } else {
      uri += c;
    }
  }
  return uri;
}

}  // namespace

ExitCode run_devices(const CommonOptions& options) {
  const v1::ListDevicesResponse response = Connection(options.server).list_devices();
  if (options.json) {
    std::vector<std::string> devices;
    for (const auto& device : response.devices()) devices.push_back(device_json(device));
    std::printf("%s\n", json_array(devices).c_str());
    return ExitCode::kOk;
  }
  if (response.devices().empty()) {
    std::puts("no devices that capture on the daemon's machine");
    return ExitCode::kOk;
  }
  std::printf("  %-40s %8s %9s  %s\n", "NAME", "CHANNELS", "RATE", "HOST API");
  const v1::AudioDevice* example = &response.devices(0);
  for (const auto& device : response.devices()) {
    if (device.is_default()) example = &device;
    std::printf("%c %-40s %8d %6s Hz  %s\n", device.is_default() ? '*' : ' ', device.name().c_str(),
                device.channel_count(), fixed_number(device.sample_rate_hertz(), 0).c_str(), device.host_api().c_str());
  }
  std::printf("%sCapture: melstream open '%s' --stream desk\n", example->is_default() ? "* the default. " : "",
              uri_of(example->name()).c_str());
  return ExitCode::kOk;
}

}  // namespace melstream::client
