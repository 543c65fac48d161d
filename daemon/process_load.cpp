// Sources: proc(5), getrusage(2), sched_getaffinity(2).
#include "daemon/process_load.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <system_error>

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

namespace melstream::daemon {
namespace {

constexpr std::chrono::milliseconds kLookEvery{100};
constexpr std::int64_t kKib = 1024;

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

/// Adds the thread of this stat file, if it still runs.
void add_thread(const std::filesystem::path& stat_file, std::map<std::string, rpc::ProcessLoad::Threads>& threads) {
  std::ifstream file(stat_file);
  std::string line;
  if (!std::getline(file, line)) return;
  // The name is in parentheses and may contain some itself. Then "state ppid ...", user and system time the 14th and
  // 15th of the line.
  const auto open = line.find('(');
  const auto close = line.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) return;
  std::istringstream fields(line.substr(close + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  std::int64_t user = 0;
  std::int64_t system = 0;
  if (!(fields >> user >> system)) return;
  const std::string name = line.substr(open + 1, close - open - 1);
  rpc::ProcessLoad::Threads& same = threads[name];
  same.name = name;
  ++same.n;
  same.cpu_s += static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::vector<rpc::ProcessLoad::Threads> threads_now() {
  std::map<std::string, rpc::ProcessLoad::Threads> by_name;
  std::error_code error;
  std::filesystem::directory_iterator task("/proc/self/task", error);
  for (; !error && task != std::filesystem::directory_iterator(); task.increment(error)) {
    add_thread(task->path() / "stat", by_name);
  }
  std::vector<rpc::ProcessLoad::Threads> threads;
  threads.reserve(by_name.size());
  for (const auto& [name, same] : by_name) threads.push_back(same);
  return threads;
}

int n_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  // Fails with more processors than the set has: then all of them.
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
}

std::int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t size_pages = 0;
  std::int64_t resident_pages = 0;
  file >> size_pages >> resident_pages;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

}  // namespace

rpc::ProcessLoad ProcessMeter::load() {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (load_.n_processors > 0 && now - looked_ < kLookEvery) return load_;
  looked_ = now;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  load_.uptime_s = std::chrono::duration<double>(now - started_).count();
  load_.cpu_s = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  load_.threads = threads_now();
  load_.n_processors = n_processors();
  load_.resident_bytes = resident_bytes();
  // The kernel counts in steps of its own: the peak may lag.
  load_.resident_bytes_peak = std::max<std::int64_t>(load_.resident_bytes, usage.ru_maxrss * kKib);
  return load_;
}

}  // namespace melstream::daemon
