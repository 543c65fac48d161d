#include "client/private_daemon.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdlib.h>  // mkdtemp

#include "client/exit_codes.hpp"

namespace melstream::client {
namespace {

constexpr std::chrono::seconds kPatience{15};
constexpr std::chrono::milliseconds kStep{10};

std::string program() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto beside = self.parent_path() / "melstreamd";
  return !error && access(beside.c_str(), X_OK) == 0 ? beside.string() : "melstreamd";
}

}  // namespace

bool is_listening(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  path.copy(address.sun_path, path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool accepted = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                        0;  // NOLINT: the interface of sockets
  close(fd);
  return accepted;
}

PrivateDaemon::PrivateDaemon(const std::string& config) {
  folder_ = (std::filesystem::temp_directory_path() / "melstream-private-XXXXXX").string();
  if (mkdtemp(folder_.data()) == nullptr) {
    throw ClientError(ExitCode::kFailure,
                      "cannot make a folder in " + std::string(std::filesystem::temp_directory_path()));
  }
  socket_ = folder_ + "/s";
  config_ = folder_ + "/melstream.toml";
  log_ = folder_ + "/log";
  std::ofstream(config_) << "[server]\nsocket = \"" << socket_ << "\"\nlisten = []\n[metrics]\nlisten = \"\"\n"
                         << config;
  try {
    start();
    wait_until_it_serves();
  } catch (...) {
    stop();
    throw;
  }
}

PrivateDaemon::~PrivateDaemon() { stop(); }

void PrivateDaemon::start() {
  const std::string path = program();
  const int log = open(log_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  std::string config_option = "--config";
  const std::array<char*, 4> arguments{const_cast<char*>(path.c_str()), config_option.data(), config_.data(), nullptr};
  pid_ = fork();
  if (pid_ == 0) {
    // Only what is safe beside other threads. It dies with us; Ctrl-C is for us alone, which then end it; and it shall
    // hear signals that we block.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  close(log);
  if (pid_ < 0) throw ClientError(ExitCode::kFailure, "cannot start " + path);
}

void PrivateDaemon::wait_until_it_serves() {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!is_listening(socket_)) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      throw ClientError(ExitCode::kUnavailable, "melstreamd, started for this command, has ended: " + log_end());
    }
    if (std::chrono::steady_clock::now() > give_up) {
      throw ClientError(ExitCode::kUnavailable, "melstreamd, started for this command, does not serve: " + log_end());
    }
    std::this_thread::sleep_for(kStep);
  }
}

void PrivateDaemon::stop() noexcept {
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    int status = 0;
    while (waitpid(pid_, &status, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > give_up) kill(pid_, SIGKILL);
      std::this_thread::sleep_for(kStep);
    }
    pid_ = -1;
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string PrivateDaemon::log_end() const {
  std::ifstream file(log_);
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) last = line;
  }
  return last.empty() ? "no melstreamd beside this program or in PATH" : last;
}

}  // namespace melstream::client
