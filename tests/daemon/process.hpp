// Runs melstreamd as a process of its own, as a service manager would: it is ready when it says so on NOTIFY_SOCKET.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace melstream::daemon {

/// A folder that is gone with its owner. Short, because the paths of unix sockets are.
class ScratchFolder {
 public:
  ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder();
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  /// Writes a file and returns its path.
  std::string write(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path folder_;
};

struct Finished {
  int exit_code = -1;  ///< minus the signal's number if one ended it
  std::string out;
  std::string err;
};

/// Waits end with a test failure after a minute, and a process that still runs is killed.
class Process {
 public:
  /// Starts melstreamd in an environment that has nothing but NOTIFY_SOCKET and `environment` ("NAME=VALUE").
  explicit Process(std::vector<std::string> arguments, std::vector<std::string> environment = {});
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  /// The next message for the service manager; none if the process ends before.
  std::optional<std::string> next_notice();
  void send(int signal) const;
  Finished finish();
  std::string log() const;

 private:
  bool wait_for_end_or(int fd);

  ScratchFolder folder_;
  int notices_ = -1;
  pid_t pid_ = -1;
  int pid_fd_ = -1;
};

/// Runs to the end.
Finished run_melstreamd(std::vector<std::string> arguments, std::vector<std::string> environment = {});

}  // namespace melstream::daemon
