#include "client/load/machine_use.hpp"

#include <array>
#include <fstream>
#include <string>

#include <unistd.h>

#include <time.h>

namespace melstream::client {

MachineUse machine_use() {
  MachineUse use;
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  use.process_s = static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  use.processors = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  std::ifstream file("/proc/stat");
  std::string cpu;
  // user nice system idle iowait irq softirq steal; what guests take is in user already.
  std::array<double, 8> ticks{};
  file >> cpu;
  for (double& one : ticks) file >> one;
  if (!file || cpu != "cpu") return use;
  const auto per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    use.total_s += ticks[i] / per_second;
    if (i != 3 && i != 4) use.busy_s += ticks[i] / per_second;
  }
  return use;
}

}  // namespace melstream::client
