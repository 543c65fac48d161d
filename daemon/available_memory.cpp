// Sources: proc(5), cgroups(7), kernel Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
#include "daemon/available_memory.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include <sys/resource.h>

namespace melstream::daemon {
namespace {

constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();

/// The number in a file of its own; nothing if there is none ("max").
std::optional<std::int64_t> read_number(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::int64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

std::int64_t mem_available(const std::filesystem::path& root) {
  std::ifstream file(root / "proc/meminfo");
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string key;
    std::int64_t kib = 0;
    if (words >> key >> kib && key == "MemAvailable:") return kib * 1024;
  }
  return kUnlimited;
}

/// What a group and its parents leave. @param mount of the hierarchy. @param group its path in it, from /proc.
std::int64_t group_leaves(const std::filesystem::path& mount, std::string_view group, const char* limit_name,
                          const char* usage_name) {
  std::int64_t least = kUnlimited;
  std::filesystem::path relative = std::filesystem::path(group).relative_path();
  while (true) {
    const auto limit = read_number(mount / relative / limit_name);
    const auto usage = read_number(mount / relative / usage_name);
    if (limit) least = std::min(least, std::max(*limit - usage.value_or(0), std::int64_t{0}));
    if (relative.empty()) return least;
    relative = relative.parent_path();
  }
}

/// Whether "cpu,memory" and the like holds the memory controller.
bool names_memory(const std::string& controllers) {
  std::istringstream list(controllers);
  std::string controller;
  while (std::getline(list, controller, ',')) {
    if (controller == "memory") return true;
  }
  return false;
}

std::int64_t cgroups_leave(const std::filesystem::path& root) {
  std::ifstream file(root / "proc/self/cgroup");
  std::int64_t least = kUnlimited;
  std::string line;  // ID:CONTROLLERS:PATH
  while (std::getline(file, line)) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty()) {
      least = std::min(least, group_leaves(root / "sys/fs/cgroup", group, "memory.max", "memory.current"));
    } else if (names_memory(controllers)) {
      least = std::min(
          least, group_leaves(root / "sys/fs/cgroup/memory", group, "memory.limit_in_bytes", "memory.usage_in_bytes"));
    }
  }
  return least;
}

/// CapEff of /proc/self/status, bit 14 (capabilities(7)).
bool may_lock_everything(const std::filesystem::path& root) {
  constexpr unsigned kIpcLock = 14;
  std::ifstream file(root / "proc/self/status");
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string key;
    std::uint64_t capabilities = 0;
    if (words >> key >> std::hex >> capabilities && key == "CapEff:") return ((capabilities >> kIpcLock) & 1U) != 0;
  }
  return false;
}

}  // namespace

std::int64_t available_memory_bytes(const std::filesystem::path& root) {
  return std::min(mem_available(root), cgroups_leave(root));
}

std::int64_t lockable_memory_bytes(const std::filesystem::path& root) {
  rlimit limit{};
  if (may_lock_everything(root) || getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return kUnlimited;
  }
  return static_cast<std::int64_t>(std::min<rlim_t>(limit.rlim_cur, static_cast<rlim_t>(kUnlimited)));
}

}  // namespace melstream::daemon
