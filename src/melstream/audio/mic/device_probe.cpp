#include "melstream/audio/mic/device_probe.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spawn.h>

namespace melstream::audio {
namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr std::size_t kMaxBytes = std::size_t{1} << 20;

[[noreturn]] void refuse(const std::string& message) { throw DeviceError(DeviceProblem::kRefused, message); }

std::string error_text(int error) { return std::generic_category().message(error); }

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }
  int get() const { return fd_; }
  void reset() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

/// A child that is killed and reaped if it was not before.
class Child {
 public:
  Child(const std::vector<std::string>& command, int output) {
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    // The daemon blocks signals that it waits for; the child has none of that.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    const int error = posix_spawn(&pid_, arguments.front(), &actions, &attributes, arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) refuse("cannot list devices: " + command.front() + ": " + error_text(error));
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    wait();
  }
  /// Exit status as waitpid gives it.
  int wait() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return status;
  }

 private:
  pid_t pid_ = 0;
};

/// All that comes until the other end closes.
std::string read_all(int fd) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::string text;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) refuse("the audio system hangs: listing devices took over 10 s");
    pollfd poll_fd{.fd = fd, .events = POLLIN, .revents = 0};
    if (poll(&poll_fd, 1, static_cast<int>(left.count())) <= 0) continue;
    std::array<char, 4096> buffer{};
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(n));
    if (text.size() > kMaxBytes) refuse("listing devices: more than 1 MiB came");
  }
}

std::vector<core::AudioDevice> probe(const std::vector<std::string>& command) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) refuse("cannot list devices: pipe: " + error_text(errno));
  const Descriptor reader(ends[0]);
  Descriptor writer(ends[1]);
  Child child(command, writer.get());
  writer.reset();
  const std::string text = read_all(reader.get());
  const int status = child.wait();
  if (status != 0) refuse("listing devices failed in " + command.front() + " (status " + std::to_string(status) + ")");
  return parse_device_lines(text);
}

std::string plain(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return out;
}

template <typename Number>
Number number_of(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    refuse("listing devices: '" + plain(text) + "' is no number");
  }
  return value;
}

core::AudioDevice parse_line(std::string_view line) {
  std::array<std::string_view, 5> fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::size_t tab = line.find('\t');
    const bool is_last = i + 1 == fields.size();
    if ((tab == std::string_view::npos) != is_last) refuse("listing devices: no device in '" + plain(line) + "'");
    fields[i] = line.substr(0, tab);
    if (!is_last) line.remove_prefix(tab + 1);
  }
  return {.name = std::string(fields[0]),
          .host_api = std::string(fields[1]),
          .n_channels = number_of<std::int32_t>(fields[2]),
          .sample_rate_hz = number_of<double>(fields[3]),
          .is_default = fields[4] == "default"};
}

}  // namespace

DeviceProbe make_device_probe(std::vector<std::string> command) {
  return [command = std::move(command)] { return probe(command); };
}

int run_device_probe(AudioBackend& backend) {
  try {
    const std::string lines = device_lines(backend.rescan());
    const bool written = std::fwrite(lines.data(), 1, lines.size(), stdout) == lines.size() && std::fflush(stdout) == 0;
    return written ? 0 : 1;
  } catch (const std::exception&) {
    return 1;
  }
}

std::string device_lines(const std::vector<core::AudioDevice>& devices) {
  std::string text;
  for (const core::AudioDevice& device : devices) {
    std::array<char, 32> rate{};
    std::snprintf(rate.data(), rate.size(), "%.17g", device.sample_rate_hz);
    text += plain(device.name) + '\t' + plain(device.host_api) + '\t' + std::to_string(device.n_channels) + '\t' +
            rate.data() + '\t' + (device.is_default ? "default" : "-") + '\n';
  }
  return text;
}

std::vector<core::AudioDevice> parse_device_lines(std::string_view text) {
  std::vector<core::AudioDevice> devices;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) refuse("listing devices: cut off in '" + plain(text) + "'");
    devices.push_back(parse_line(text.substr(0, end)));
    text.remove_prefix(end + 1);
  }
  return devices;
}

}  // namespace melstream::audio
