#include "client/interrupt.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace melstream::client {
namespace {

sigset_t watched_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

void raise_event(int fd) {
  const std::uint64_t one = 1;
  // An eventfd of this size cannot be full.
  [[maybe_unused]] const ssize_t n = write(fd, &one, sizeof one);
}

}  // namespace

Interrupt::Interrupt() : event_fd_(eventfd(0, EFD_CLOEXEC)), stop_fd_(eventfd(0, EFD_CLOEXEC)) {
  const sigset_t signals = watched_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal_fd_ = signalfd(-1, &signals, SFD_CLOEXEC);
  watcher_ = std::thread([this] { watch(); });
}

Interrupt::~Interrupt() {
  raise_event(stop_fd_);
  watcher_.join();
  close(signal_fd_);
  close(stop_fd_);
  close(event_fd_);
  const sigset_t signals = watched_signals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

bool Interrupt::wait_until(std::chrono::steady_clock::time_point when) const {
  while (!requested()) {
    const auto left = when - std::chrono::steady_clock::now();
    if (left <= left.zero()) return true;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec timeout{seconds.count(), std::chrono::nanoseconds(left - seconds).count()};
    pollfd entry{event_fd_, POLLIN, 0};
    ppoll(&entry, 1, &timeout, nullptr);
  }
  return false;
}

void Interrupt::on_request(std::function<void()> action) {
  const std::lock_guard lock(mutex_);
  action_ = std::move(action);
  if (requested() && action_) action_();
}

void Interrupt::watch() {
  while (true) {
    std::array<pollfd, 2> fds = {{{signal_fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}}};
    if (poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) continue;
    if (fds[1].revents != 0) return;
    signalfd_siginfo info{};
    if (read(signal_fd_, &info, sizeof info) != sizeof info) continue;
    if (requested_.exchange(true)) {
      // The polite end takes too long: die of the signal, so that the shell sees it.
      const int number = static_cast<int>(info.ssi_signo);
      std::signal(number, SIG_DFL);
      const sigset_t signals = watched_signals();
      pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
      raise(number);
    }
    raise_event(event_fd_);
    const std::lock_guard lock(mutex_);
    if (action_) action_();
  }
}

InterruptAction::InterruptAction(Interrupt* interrupt, std::function<void()> action) : interrupt_(interrupt) {
  if (interrupt_ != nullptr) interrupt_->on_request(std::move(action));
}

InterruptAction::~InterruptAction() {
  if (interrupt_ != nullptr) interrupt_->on_request({});
}

}  // namespace melstream::client
