#include "bench/support/processor_time.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <sched.h>
#include <unistd.h>

#include <time.h>  // clock_getcpuclockid

namespace melstream::bench {
namespace {

std::filesystem::path process_folder(pid_t pid) { return "/proc/" + (pid == 0 ? "self" : std::to_string(pid)); }

}  // namespace

void pin_to(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  if (sched_setaffinity(0, sizeof(cores), &cores) != 0) {
    throw std::runtime_error("cannot run on core " + std::to_string(core) + ": " + std::strerror(errno));
  }
}

void pin_if_two(int core) {
  if (std::thread::hardware_concurrency() >= 2) pin_to(core);
}

std::map<std::string, double> thread_seconds(pid_t pid) {
  std::map<std::string, double> seconds;
  for (const auto& task : std::filesystem::directory_iterator(process_folder(pid) / "task")) {
    std::string name;
    double run_ns = 0;
    std::ifstream(task.path() / "comm") >> name;
    std::ifstream(task.path() / "schedstat") >> run_ns;
    seconds[name] += run_ns * 1e-9;
  }
  return seconds;
}

double process_seconds(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    throw std::runtime_error("no processor time of process " + std::to_string(pid));
  }
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::int64_t resident_bytes(pid_t pid) {
  std::int64_t n_all = 0;
  std::int64_t n_resident = 0;
  std::ifstream(process_folder(pid) / "statm") >> n_all >> n_resident;
  return n_resident * sysconf(_SC_PAGESIZE);
}

}  // namespace melstream::bench
