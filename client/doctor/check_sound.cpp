// What stands between a microphone and who wants to capture from it.
#include <algorithm>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

#include "client/doctor/checks.hpp"

namespace melstream::client::doctor {
namespace {

namespace fs = std::filesystem;

constexpr char kCheck[] = "sound";

/// /dev/snd/pcmC0D0c: capture; ...p plays.
std::vector<fs::path> capture_devices(const Machine& machine) {
  std::vector<fs::path> devices;
  std::error_code error;
  for (fs::directory_iterator at(machine.path("/dev/snd"), error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name.rfind("pcm", 0) == 0 && name.back() == 'c') devices.push_back(at->path());
  }
  std::sort(devices.begin(), devices.end());
  return devices;
}

bool may_capture(const Machine& machine, const struct stat& info) {
  if (machine.user == 0 || (info.st_mode & S_IROTH) != 0) return true;
  const bool in_group = std::find(machine.groups.begin(), machine.groups.end(), info.st_gid) != machine.groups.end();
  if (in_group) return (info.st_mode & S_IRGRP) != 0;
  return machine.user == info.st_uid && (info.st_mode & S_IRUSR) != 0;
}

/// Sockets of sound servers of this user.
std::string sound_servers(const Machine& machine) {
  if (machine.runtime_folder.empty()) return {};
  const fs::path folder = machine.path(machine.runtime_folder);
  std::error_code ignored;
  std::string found;
  if (fs::exists(folder / "pulse" / "native", ignored)) found += "PulseAudio";
  if (fs::exists(folder / "pipewire-0", ignored)) found += found.empty() ? "PipeWire" : ", PipeWire";
  return found;
}

}  // namespace

void check_sound(const Machine& machine, Findings& findings) {
  const auto devices = capture_devices(machine);
  const std::string servers = sound_servers(machine);
  if (!servers.empty()) {
    findings.push_back({Verdict::kOk, kCheck, "your session has " + servers,
                        "a microphone that belongs to it is captured by a daemon of yours (systemctl --user)"});
  }
  if (devices.empty()) {
    if (servers.empty()) findings.push_back({Verdict::kOk, kCheck, "no sound card that captures on this machine", ""});
    return;
  }
  struct stat info {};
  if (stat(devices.front().c_str(), &info) != 0) return;
  const std::string shown = devices.front().string() + " (" + user_name(info.st_uid) + ":" + group_name(info.st_gid) +
                            " " + mode_text(info.st_mode) + ")";
  if (may_capture(machine, info)) {
    findings.push_back({Verdict::kOk, kCheck, shown + ": you may capture", ""});
  } else {
    findings.push_back({Verdict::kWarning, kCheck, shown + ": you may not capture, nor may a daemon that you start",
                        "'usermod -aG " + group_name(info.st_gid) + " " + user_name(machine.user) +
                            "' and log in again; of the service: SupplementaryGroups=" + group_name(info.st_gid)});
  }
}

}  // namespace melstream::client::doctor
