// signalfd(2), eventfd(2), poll(2).
#include "daemon/signals.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "melstream/core/error.hpp"

namespace melstream::daemon {
namespace {

int checked(int fd, const char* what) {
  if (fd < 0) throw core::Error(core::ErrorCode::kInternal, std::string(what) + ": " + std::strerror(errno));
  return fd;
}

int make_signal_fd() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
  return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

Wakeup::Wakeup() : fd_(checked(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")) {}

void Wakeup::notify() noexcept {
  const std::uint64_t one = 1;
  // It fails only when 2^64 - 2 notices wait already: then the thread wakes anyway.
  static_cast<void>(!write(fd_.get(), &one, sizeof one));
}

void Wakeup::clear() noexcept {
  std::uint64_t n_notices = 0;
  static_cast<void>(!read(fd_.get(), &n_notices, sizeof n_notices));
}

Signals::Signals() : fd_(checked(make_signal_fd(), "signalfd")) {}

std::optional<int> Signals::next() noexcept {
  signalfd_siginfo info{};
  if (read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

void wait_for(const Signals& signals, const Wakeup& wakeup, std::optional<std::chrono::milliseconds> at_most) noexcept {
  std::array<pollfd, 2> fds{{{signals.fd(), POLLIN, 0}, {wakeup.fd(), POLLIN, 0}}};
  // An interruption only makes the caller look again.
  static_cast<void>(poll(fds.data(), fds.size(), at_most ? static_cast<int>(at_most->count()) : -1));
}

}  // namespace melstream::daemon
