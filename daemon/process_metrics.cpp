// proc(5). The times of a process are in clock ticks; its start counts from the boot.
#include "daemon/process_metrics.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

#include <sys/resource.h>
#include <unistd.h>

namespace melstream::daemon {
namespace {

struct ProcessFigures {
  double cpu_s = 0;
  double threads = 0;
  double start_s = 0;  ///< Unix time
  double virtual_bytes = 0;
  double resident_bytes = 0;
};

std::optional<double> boot_unix_s() {
  std::ifstream file("/proc/stat");
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("btime ", 0) == 0) return std::stod(line.substr(6));
  }
  return std::nullopt;
}

std::optional<ProcessFigures> read_figures() {
  std::ifstream file("/proc/self/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::size_t name_end = text.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(text.substr(name_end + 1));
  const std::vector<std::string> fields{std::istream_iterator<std::string>(rest), {}};
  // Numbered as in proc(5), where the state, the first behind the name, is 3.
  const auto field = [&fields](std::size_t number) { return std::stod(fields.at(number - 3)); };
  if (fields.size() < 22) return std::nullopt;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  return ProcessFigures{.cpu_s = (field(14) + field(15)) / ticks,
                        .threads = field(20),
                        .start_s = boot_unix_s().value_or(0) + field(22) / ticks,
                        .virtual_bytes = field(23),
                        .resident_bytes = field(24) * static_cast<double>(sysconf(_SC_PAGESIZE))};
}

}  // namespace

void add_process_metrics(MetricFamilies& families) {
  if (const auto now = read_figures()) {
    families.foreign("process_cpu_seconds_total", "User and system time of the process.", true).value(now->cpu_s);
    families.foreign("process_threads", "Threads of the process.", false).value(now->threads);
    families.foreign("process_start_time_seconds", "Unix time at which the process started.", false)
        .value(now->start_s);
    families.foreign("process_virtual_memory_bytes", "Address space of the process.", false).value(now->virtual_bytes);
    families.foreign("process_resident_memory_bytes", "Memory of the process that is in RAM.", false)
        .value(now->resident_bytes);
  }
  std::error_code error;
  const auto fds = std::filesystem::directory_iterator("/proc/self/fd", error);
  // The one that reads the folder is among them.
  if (!error) {
    const auto n = std::distance(begin(fds), end(fds)) - 1;
    families.foreign("process_open_fds", "Open descriptors.", false).value(static_cast<double>(n));
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    families.foreign("process_max_fds", "Descriptors that may be open.", false)
        .value(static_cast<double>(limit.rlim_cur));
  }
}

}  // namespace melstream::daemon
