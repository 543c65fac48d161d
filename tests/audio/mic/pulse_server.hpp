// A PulseAudio server of a test's own, with null sinks as microphones: what is played to a sink, its monitor captures.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

namespace melstream::test {

/// A program that was started; killed and reaped by the destructor.
class Process {
 public:
  /// @param command program (looked up in PATH) and arguments; its output goes to `log`, appended.
  Process(const std::vector<std::string>& command, const std::vector<std::string>& environment, const std::string& log);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();
  /// Exit status, or -1 if it is not over by then.
  int wait(std::chrono::milliseconds patience);
  /// SIGKILL, and reaps it.
  void kill_now();

 private:
  pid_t pid_ = 0;
};

class PulseServer {
 public:
  static bool is_installed();

  /// A folder of its own under /tmp; nothing runs yet.
  PulseServer();
  PulseServer(const PulseServer&) = delete;
  PulseServer& operator=(const PulseServer&) = delete;
  ~PulseServer();

  /// Starts the server with these null sinks (s16, one channel) and waits until it answers. False if it does not.
  bool start(const std::vector<std::string>& sinks = {"mic"}, int rate_hz = 16000);
  void kill_now();
  /// Runs pactl with these words. True if it succeeds.
  bool control(const std::vector<std::string>& words);
  /// Plays s16 samples to a sink and waits for the end.
  bool play(const std::string& sink, const std::vector<std::int16_t>& samples, int rate_hz = 16000);

  std::string address() const { return "unix:" + folder_ + "/pulse.sock"; }
  const std::string& folder() const { return folder_; }
  /// What the server and the programs printed, for messages.
  std::string log() const;

 private:
  std::vector<std::string> environment() const;

  std::string folder_;
  std::unique_ptr<Process> process_;  // the server, while it runs
};

}  // namespace melstream::test
