#include "tests/audio/mic/pulse_server.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spawn.h>

namespace melstream::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> all;
  for (const std::string& word : words) all.push_back(const_cast<char*>(word.c_str()));
  all.push_back(nullptr);
  return all;
}

bool is_in_path(const std::string& program) {
  const char* const path = std::getenv("PATH");
  std::string rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const std::string folder = rest.substr(0, rest.find(':'));
    rest.erase(0, folder.size() + 1);
    if (access(std::string(folder).append("/").append(program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                 const std::string& log) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  const int error = posix_spawnp(&pid_, command.front().c_str(), &actions, nullptr, pointers(command).data(),
                                 pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start " + command.front());
}

Process::~Process() { kill_now(); }

int Process::wait(milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  while (pid_ > 0) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = 0;
      return status;
    }
    if (steady_clock::now() > deadline) return -1;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return -1;
}

void Process::kill_now() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
}

bool PulseServer::is_installed() { return is_in_path("pulseaudio") && is_in_path("pactl") && is_in_path("paplay"); }

PulseServer::PulseServer() {
  std::string form = "/tmp/melstream-pulse-XXXXXX";
  if (mkdtemp(form.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  folder_ = form;
  mkdir((folder_ + "/rt").c_str(), 0700);
  mkdir((folder_ + "/state").c_str(), 0700);
}

PulseServer::~PulseServer() {
  kill_now();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::vector<std::string> PulseServer::environment() const {
  return {std::string("PATH=") + std::getenv("PATH"),
          "HOME=" + folder_,
          "XDG_RUNTIME_DIR=" + folder_,
          "PULSE_RUNTIME_PATH=" + folder_ + "/rt",
          "PULSE_STATE_PATH=" + folder_ + "/state",
          "PULSE_SERVER=" + address()};
}

bool PulseServer::start(const std::vector<std::string>& sinks, int rate_hz) {
  kill_now();
  unlink((folder_ + "/pulse.sock").c_str());
  std::vector<std::string> command = {"pulseaudio",
                                      "-n",
                                      "--daemonize=no",
                                      "--use-pid-file=no",
                                      "--exit-idle-time=-1",
                                      "--disable-shm=yes",
                                      "--high-priority=no",
                                      "--log-target=stderr",
                                      "-L",
                                      "module-native-protocol-unix socket=" + folder_ + "/pulse.sock auth-anonymous=1"};
  for (const std::string& sink : sinks) {
    command.emplace_back("-L");
    command.push_back("module-null-sink sink_name=" + sink + " format=s16le rate=" + std::to_string(rate_hz) +
                      " channels=1 norewinds=1");
  }
  // A server does not take its address from where clients do.
  std::vector<std::string> without_address = environment();
  without_address.pop_back();
  process_ = std::make_unique<Process>(command, without_address, folder_ + "/log");
  const auto deadline = steady_clock::now() + std::chrono::seconds(10);
  while (steady_clock::now() < deadline) {
    if (access((folder_ + "/pulse.sock").c_str(), F_OK) == 0 && control({"info"})) return true;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return false;
}

void PulseServer::kill_now() { process_.reset(); }

bool PulseServer::control(const std::vector<std::string>& words) {
  std::vector<std::string> command = {"pactl"};
  command.insert(command.end(), words.begin(), words.end());
  Process process(command, environment(), folder_ + "/log");
  return process.wait(std::chrono::seconds(10)) == 0;
}

bool PulseServer::play(const std::string& sink, const std::vector<std::int16_t>& samples, int rate_hz) {
  const std::string path = folder_ + "/" + sink + ".raw";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(samples.data()), static_cast<std::streamsize>(samples.size() * 2));
  Process process({"paplay", "--raw", "--format=s16le", "--rate=" + std::to_string(rate_hz), "--channels=1",
                   "--device=" + sink, path},
                  environment(), folder_ + "/log");
  const auto length = milliseconds(1000 * samples.size() / static_cast<std::size_t>(rate_hz));
  return process.wait(length + std::chrono::seconds(10)) == 0;
}

std::string PulseServer::log() const {
  std::ifstream file(folder_ + "/log");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace melstream::test
