#include "bench/support/child.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace melstream::bench {

Child::Child(const std::function<void()>& work) {
  std::fflush(nullptr);
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ > 0) return;
  try {
    work();
    std::fflush(nullptr);
    _exit(0);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "child: %s\n", error.what());
    _exit(1);
  }
}

Child::~Child() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool Child::runs() noexcept {
  if (pid_ < 0) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  pid_ = -1;
  clean_ = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return false;
}

void Child::signal(int number) const noexcept {
  if (pid_ > 0) kill(pid_, number);
}

bool Child::wait() noexcept {
  if (pid_ < 0) return clean_;
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  clean_ = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return clean_;
}

Pipe::Pipe() {
  if (pipe(fds_.data()) != 0) throw std::runtime_error("cannot make a pipe");
}

Pipe::~Pipe() {
  close(fds_[0]);
  close(fds_[1]);
}

void Pipe::tell(char what) const {
  if (write(fds_[1], &what, 1) != 1) std::abort();
}

char Pipe::hear() const {
  char what = 0;
  return read(fds_[0], &what, 1) == 1 ? what : '\0';
}

}  // namespace melstream::bench
