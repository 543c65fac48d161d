#include "bench/gpu_check/processor.hpp"

#include <algorithm>
#include <fstream>
#include <thread>

namespace melstream::bench {
namespace {

/// The text behind the colon of a line of a file that begins with `name`; "" if there is none.
std::string value_in(const char* file, const std::string& name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(name, 0) != 0) continue;
    const std::size_t begin = line.find_first_not_of(" \t", line.find(':') + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return {};
}

}  // namespace

std::string processor_name() {
  const std::string name = value_in("/proc/cpuinfo", "model name");
  return name.empty() ? "unknown" : name;
}

int n_processors() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

std::size_t available_bytes() {
  const std::string kilobytes = value_in("/proc/meminfo", "MemAvailable");
  return kilobytes.empty() ? 0 : static_cast<std::size_t>(std::stoull(kilobytes)) << 10;
}

}  // namespace melstream::bench
