// A GPU serves only if device, driver and plugin are all there: which of them is missing.
#include <fstream>
#include <system_error>

#include <unistd.h>

#include "client/doctor/checks.hpp"
#include "client/doctor/model_file.hpp"

namespace melstream::client::doctor {
namespace {

namespace fs = std::filesystem;

constexpr char kCheck[] = "gpu";
constexpr char kPlugin[] = "libmelstream_cuda.so";

/// /dev/nvidia0 and the like; "nvidiactl" and "nvidia-uvm" are no devices.
std::vector<fs::path> gpu_devices(const Machine& machine) {
  std::vector<fs::path> devices;
  std::error_code error;
  for (fs::directory_iterator at(machine.path("/dev"), error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    constexpr std::string_view kPrefix = "nvidia";
    if (name.size() > kPrefix.size() && name.rfind(kPrefix, 0) == 0 &&
        name.find_first_not_of("0123456789", kPrefix.size()) == std::string::npos) {
      devices.push_back(at->path());
    }
  }
  return devices;
}

/// "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05 ..."; empty without a driver.
std::string driver_version(const Machine& machine) {
  std::ifstream file(machine.path("/proc/driver/nvidia/version"));
  std::string line;
  std::getline(file, line);
  return quoted_word(line);
}

/// Where the daemon looks, in its order; empty if it is nowhere.
std::string find_plugin(const Machine& machine) {
  if (!machine.cuda_plugin.empty()) return is_regular_file(machine.cuda_plugin) ? machine.cuda_plugin : "";
  const std::string program = find_program(machine, "melstreamd");
  std::error_code ignored;
  const fs::path folder = program.empty() ? fs::path() : fs::canonical(program, ignored).parent_path();
  std::vector<fs::path> places;
  if (!folder.empty()) places = {folder / kPlugin, folder / ".." / "lib" / "melstream" / kPlugin};
  places.push_back(machine.path(std::string("/usr/lib/melstream/") + kPlugin));
  places.push_back(machine.path(std::string("/usr/local/lib/melstream/") + kPlugin));
  for (const fs::path& place : places) {
    if (is_regular_file(place.string())) return place.lexically_normal().string();
  }
  return {};
}

}  // namespace

void check_gpu(const Machine& machine, const DaemonState& daemon, const std::string& backend, Findings& findings) {
  const auto devices = gpu_devices(machine);
  const Verdict missing = backend == "cuda" ? Verdict::kFail : Verdict::kOk;
  if (backend == "cpu") {
    findings.push_back({Verdict::kOk, kCheck, "engine.backend is cpu: not looked for", ""});
    return;
  }
  if (devices.empty()) {
    findings.push_back({missing, kCheck, "no NVIDIA GPU here (no /dev/nvidia0): the CPU computes",
                        missing == Verdict::kFail ? "set engine.backend to auto, or install the driver" : ""});
    return;
  }
  const std::string driver = driver_version(machine);
  if (driver.empty()) {
    findings.push_back({Verdict::kWarning, kCheck, devices.front().string() + " is there, but no driver is loaded",
                        "load it: 'modprobe nvidia', 'nvidia-smi'"});
    return;
  }
  if (access(devices.front().c_str(), R_OK | W_OK) != 0) {
    findings.push_back({Verdict::kWarning, kCheck, "you may not open " + devices.front().string(),
                        "the daemon must: DeviceAllow= of its unit, and the device's group"});
  }
  const std::string plugin = find_plugin(machine);
  if (plugin.empty()) {
    findings.push_back({missing == Verdict::kFail ? Verdict::kFail : Verdict::kWarning, kCheck,
                        "a GPU and its driver, but no " + std::string(kPlugin),
                        "install it (a build with nvcc and cuFFT makes it), or set engine.backend to cpu"});
    return;
  }
  if (daemon.info && daemon.info->engine().backend() != "cuda") {
    findings.push_back({Verdict::kWarning, kCheck,
                        "a GPU, its driver and " + plugin + " are there, but the daemon computes on the " +
                            quoted_word(daemon.info->engine().backend()),
                        "the line 'engine' of its log says why"});
    return;
  }
  findings.push_back({Verdict::kOk, kCheck, std::to_string(devices.size()) + " GPU, " + driver + ", " + plugin, ""});
}

}  // namespace melstream::client::doctor
