// Sources: ld.so(8), glibc manual "Memory Allocation Tunables".
#include "daemon/loader_settings.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <unistd.h>

namespace melstream::daemon {
namespace {

constexpr const char* kTunables = "GLIBC_TUNABLES";
constexpr const char* kSmallCache = "glibc.malloc.tcache_max=48";

/// The arguments that this process was started with.
std::vector<std::string> own_arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> arguments;
  for (std::size_t at = 0; at < text.size(); at = text.find('\0', at) + 1) arguments.emplace_back(text.c_str() + at);
  return arguments;
}

/// Where it lies, so that the process keeps its name.
std::string own_path() {
  std::vector<char> path(4096);
  const ssize_t n = readlink("/proc/self/exe", path.data(), path.size());
  return n > 0 && n < static_cast<ssize_t>(path.size()) ? std::string(path.data(), static_cast<std::size_t>(n)) : "";
}

}  // namespace

void use_loader_settings() noexcept {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  try {
    // Set by whom it may: the settings are there, or were tried.
    if (std::getenv("LD_BIND_NOW") != nullptr) return;
    const char* const tunables = std::getenv(kTunables);
    const std::string wanted = tunables == nullptr ? kSmallCache : std::string(tunables) + ":" + kSmallCache;
    std::vector<std::string> arguments = own_arguments();
    const std::string path = own_path();
    if (arguments.empty() || path.empty()) return;
    setenv("LD_BIND_NOW", "1", 1);
    setenv(kTunables, wanted.c_str(), 1);
    std::vector<char*> pointers;
    pointers.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    execv(path.c_str(), pointers.data());
  } catch (...) {  // no memory: without them
  }
#endif
}

}  // namespace melstream::daemon
