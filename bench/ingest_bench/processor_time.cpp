#include "bench/ingest_bench/processor_time.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <sched.h>

namespace melstream::bench {

void pin_to(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  if (sched_setaffinity(0, sizeof(cores), &cores) != 0) {
    throw std::runtime_error("cannot run on core " + std::to_string(core) + ": " + std::strerror(errno));
  }
}

std::map<std::string, double> thread_seconds() {
  std::map<std::string, double> seconds;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    double run_ns = 0;
    std::ifstream(task.path() / "comm") >> name;
    std::ifstream(task.path() / "schedstat") >> run_ns;
    seconds[name] += run_ns * 1e-9;
  }
  return seconds;
}

}  // namespace melstream::bench
