#include "client/doctor/machine.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

#include <grp.h>
#include <pwd.h>
#include <spawn.h>

namespace melstream::client::doctor {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kCapIpcLock = 14;  // capabilities(7)

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

std::int64_t soft_limit(int resource) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return kNoLimit;
  }
  return static_cast<std::int64_t>(std::min<rlim_t>(limit.rlim_cur, static_cast<rlim_t>(kNoLimit)));
}

bool has_capability(const fs::path& status_file, unsigned bit) {
  std::ifstream file(status_file);
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string key;
    std::uint64_t set = 0;
    if (words >> key >> std::hex >> set && key == "CapEff:") return ((set >> bit) & 1U) != 0;
  }
  return false;
}

void read_clock(Machine& machine) {
  machine.now_s = static_cast<std::int64_t>(std::time(nullptr));
  timex clock{};
  if (adjtimex(&clock) < 0) return;  // forbidden in some containers
  machine.clock_is_synchronized = (clock.status & STA_UNSYNC) == 0;
  machine.clock_error_us = clock.esterror;
}

/// Reads until the other end closes, the time is over, or there is enough. False: the time is over.
bool read_output(int fd, std::string& output) {
  constexpr std::size_t kMostBytes = 64 << 10;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::array<char, 4096> chunk{};
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd entry{fd, POLLIN, 0};
    const int ready = poll(&entry, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t n = read(fd, chunk.data(), chunk.size());
    if (n <= 0) return true;
    const std::size_t room = kMostBytes - output.size();
    output.append(chunk.data(), std::min(room, static_cast<std::size_t>(n)));
  }
}

}  // namespace

Machine this_machine(const fs::path& root) {
  Machine machine;
  machine.root = root;
  machine.user = geteuid();
  machine.groups.resize(static_cast<std::size_t>(std::max(0, getgroups(0, nullptr))));
  getgroups(static_cast<int>(machine.groups.size()), machine.groups.data());
  machine.groups.push_back(getegid());
  machine.runtime_folder = environment("XDG_RUNTIME_DIR");
  machine.cuda_plugin = environment("MELSTREAM_CUDA_PLUGIN");
  machine.search_path = environment("PATH");
  std::error_code ignored;
  machine.program_folder = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  machine.own_limits.locked_bytes = soft_limit(RLIMIT_MEMLOCK);
  machine.own_limits.open_files = soft_limit(RLIMIT_NOFILE);
  machine.own_limits.may_lock_everything = has_capability("/proc/self/status", kCapIpcLock);
  read_clock(machine);
  return machine;
}

std::optional<Limits> limits_of(const Machine& machine, pid_t pid) {
  const fs::path folder = machine.path("/proc/" + std::to_string(pid));
  std::ifstream file(folder / "limits");
  if (!file) return std::nullopt;
  Limits limits;
  std::string line;
  const auto soft = [&line](std::size_t at) {
    std::istringstream words(line.substr(std::min(at, line.size())));
    std::int64_t value = 0;
    return words >> value ? value : kNoLimit;
  };
  while (std::getline(file, line)) {
    constexpr std::string_view kLocked = "Max locked memory";
    constexpr std::string_view kOpen = "Max open files";
    if (line.rfind(kLocked, 0) == 0) limits.locked_bytes = soft(kLocked.size());
    if (line.rfind(kOpen, 0) == 0) limits.open_files = soft(kOpen.size());
  }
  limits.may_lock_everything = has_capability(folder / "status", kCapIpcLock);
  return limits;
}

std::optional<std::int64_t> available_bytes(const Machine& machine) {
  std::ifstream file(machine.path("/proc/meminfo"));
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string key;
    std::int64_t kib = 0;
    if (words >> key >> kib && key == "MemAvailable:") return kib * 1024;
  }
  return std::nullopt;
}

std::string find_program(const Machine& machine, const std::string& name) {
  std::vector<fs::path> folders{machine.program_folder};
  std::istringstream path(machine.search_path);
  for (std::string folder; std::getline(path, folder, ':');) folders.emplace_back(folder);
  for (const fs::path& folder : folders) {
    std::string candidate = (folder / name).string();
    if (!folder.empty() && access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

ProgramResult run_program(const std::vector<std::string>& command) {
  ProgramResult result;
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return result;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], 2);
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, command.front().c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_ends[1]);
  if (error == 0) {
    const bool in_time = read_output(pipe_ends[0], result.output);
    if (!in_time) kill(pid, SIGKILL);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (in_time && WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
  }
  close(pipe_ends[0]);
  return result;
}

std::string user_name(uid_t user) {
  const passwd* entry = getpwuid(user);
  return entry == nullptr ? std::to_string(user) : entry->pw_name;
}

std::string group_name(gid_t group) {
  const struct group* entry = getgrgid(group);
  return entry == nullptr ? std::to_string(group) : entry->gr_name;
}

std::string mode_text(mode_t mode) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode) & 07777U);
  return text.data();
}

std::string mebibytes(std::int64_t n_bytes) {
  constexpr std::int64_t kMebibyte = std::int64_t{1} << 20;
  const std::int64_t tenths = n_bytes / kMebibyte * 10 + (n_bytes % kMebibyte * 10 + kMebibyte / 2) / kMebibyte;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MiB";
}

}  // namespace melstream::client::doctor
