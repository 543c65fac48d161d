// Sources: termios(3), console_codes(4), xterm's control sequences.
#include "client/top/terminal.hpp"

#include <array>
#include <csignal>
#include <cstdio>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace melstream::client {
namespace {

winsize size_now() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    size.ws_col = 80;
    size.ws_row = 24;
  }
  return size;
}

void write_all(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

sigset_t resize_signal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGWINCH);
  return signals;
}

}  // namespace

void block_resize_signal() {
  const sigset_t resize = resize_signal();
  pthread_sigmask(SIG_BLOCK, &resize, nullptr);
}

Terminal::Terminal() {
  const sigset_t resize = resize_signal();
  resize_fd_ = signalfd(-1, &resize, SFD_CLOEXEC | SFD_NONBLOCK);
  tcgetattr(STDIN_FILENO, &before_);
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  write_all("\x1b[?1049h\x1b[?25l\x1b[2J");
}

Terminal::~Terminal() {
  write_all("\x1b[0m\x1b[?25h\x1b[?1049l");
  tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  close(resize_fd_);
}

int Terminal::width() const { return size_now().ws_col; }

int Terminal::height() const { return size_now().ws_row; }

void Terminal::draw(const std::vector<std::string>& lines, std::size_t bold) const {
  const auto width = static_cast<std::size_t>(this->width());
  std::string text = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    // No newline behind the last line: it would scroll.
    if (i > 0) text += "\r\n";
    if (i == bold) {
      const std::string fill(width > lines[i].size() ? width - lines[i].size() : 0, ' ');
      text += "\x1b[7m" + lines[i] + fill + "\x1b[0m";
    } else {
      text += lines[i] + "\x1b[K";
    }
  }
  write_all(text + "\x1b[J");
}

std::string Terminal::wait(int stop_fd, int timeout_ms) const {
  std::array<pollfd, 3> fds = {{{STDIN_FILENO, POLLIN, 0}, {resize_fd_, POLLIN, 0}, {stop_fd, POLLIN, 0}}};
  if (poll(fds.data(), fds.size(), timeout_ms) <= 0) return {};
  signalfd_siginfo ignored{};
  while (read(resize_fd_, &ignored, sizeof ignored) == sizeof ignored) {
  }
  if (fds[0].revents == 0) return {};
  std::array<char, 64> typed{};
  const ssize_t n = read(STDIN_FILENO, typed.data(), typed.size());
  // The terminal is gone.
  if (n <= 0) return "q";
  return {typed.data(), static_cast<std::size_t>(n)};
}

}  // namespace melstream::client
