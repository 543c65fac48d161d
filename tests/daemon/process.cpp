// fork(2), exec and pidfd_open(2); output goes to files, so that no pipe can fill up.
#include "tests/daemon/process.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <stdlib.h>  // mkdtemp

namespace melstream::daemon {
namespace {

constexpr int kDeadlineMs = 60'000;

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

int bind_notices(const std::string& path) {
  const int fd = checked(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  checked(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  return fd;
}

/// In the child: the output files, and no power to read what the modes forbid, so that tests mean the same for root.
[[noreturn]] void become_melstreamd(char* const* arguments, char* const* environment, const std::string& out,
                                    const std::string& err) {
  prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE);
  prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH);
  dup2(open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
  dup2(open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
  execve(MELSTREAM_DAEMON_PROGRAM, arguments, environment);
  _exit(127);
}

}  // namespace

ScratchFolder::ScratchFolder() {
  std::array<char, 32> path{};
  std::strcpy(path.data(), "/tmp/melstream-test-XXXXXX");
  if (mkdtemp(path.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp");
  folder_ = path.data();
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string ScratchFolder::write(const std::string& name, const std::string& text) const {
  std::ofstream file(folder_ / name, std::ios::binary);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path(name));
  return path(name);
}

Process::Process(std::vector<std::string> arguments, std::vector<std::string> environment)
    : notices_(bind_notices(folder_.path("notices"))) {
  arguments.insert(arguments.begin(), MELSTREAM_DAEMON_PROGRAM);
  environment.push_back("NOTIFY_SOCKET=" + folder_.path("notices"));
  const std::vector<char*> argv = pointers(arguments);
  const std::vector<char*> envp = pointers(environment);
  const std::string out = folder_.path("out");
  const std::string err = folder_.path("err");
  const pid_t child = checked(fork(), "fork");
  if (child == 0) become_melstreamd(argv.data(), envp.data(), out, err);
  pid_ = child;  // NOLINT(cppcoreguidelines-prefer-member-initializer): nothing to kill before
  pid_fd_ = checked(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)), "pidfd_open");
}

Process::~Process() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (pid_fd_ >= 0) close(pid_fd_);
  close(notices_);
}

/// True if `fd` can be read, false if the process has ended; -1: only the end counts.
bool Process::wait_for_end_or(int fd) {
  std::array<pollfd, 2> fds{{{fd, POLLIN, 0}, {pid_fd_, POLLIN, 0}}};
  if (checked(poll(fds.data(), fds.size(), kDeadlineMs), "poll") == 0) {
    throw std::runtime_error("melstreamd did nothing for a minute; its log:\n" + log());
  }
  return (fds[0].revents & POLLIN) != 0;
}

std::optional<std::string> Process::next_notice() {
  if (!wait_for_end_or(notices_)) return std::nullopt;
  std::array<char, 4096> text{};
  const ssize_t n_bytes = checked(static_cast<int>(recv(notices_, text.data(), text.size(), 0)), "recv");
  return std::string(text.data(), static_cast<std::size_t>(n_bytes));
}

void Process::send(int signal) const { checked(kill(pid_, signal), "kill"); }

Finished Process::finish() {
  while (wait_for_end_or(-1)) {
  }
  int status = 0;
  checked(waitpid(pid_, &status, 0), "waitpid");
  pid_ = -1;
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), read_file(folder_.path("out")), log()};
}

std::string Process::log() const { return read_file(folder_.path("err")); }

Finished run_melstreamd(std::vector<std::string> arguments, std::vector<std::string> environment) {
  return Process(std::move(arguments), std::move(environment)).finish();
}

}  // namespace melstream::daemon
