#include "melstream/audio/mic/quiet_stderr.hpp"

#include <cerrno>
#include <cstdio>
#include <mutex>
#include <string_view>
#include <utility>

#include <sys/types.h>
#include <unistd.h>

namespace melstream::audio {
namespace {

thread_local bool is_quiet = false;

#ifdef __GLIBC__
ssize_t pass_on(void* /*cookie*/, const char* text, std::size_t size) {
  if (is_quiet || std::string_view(text, size).starts_with("Expression '")) return static_cast<ssize_t>(size);
  std::size_t n_written = 0;
  while (n_written < size) {
    const ssize_t n = write(STDERR_FILENO, text + n_written, size - n_written);
    if (n > 0) n_written += static_cast<std::size_t>(n);
    if (n < 0 && errno != EINTR) break;
  }
  return static_cast<ssize_t>(n_written);
}
#endif

}  // namespace

void quieten_sound_libraries() {
#ifdef __GLIBC__
  static std::once_flag once;
  std::call_once(once, [] {
    FILE* const stream =
        fopencookie(nullptr, "w", {.read = nullptr, .write = pass_on, .seek = nullptr, .close = nullptr});
    if (stream == nullptr) return;
    std::setvbuf(stream, nullptr, _IONBF, 0);
    stderr = stream;  // glibc's manual: a variable "that you can set just like any other"
  });
#endif
}

void quieten_this_thread() noexcept { is_quiet = true; }

QuietScope::QuietScope() noexcept : before_(std::exchange(is_quiet, true)) {}

QuietScope::~QuietScope() { is_quiet = before_; }

}  // namespace melstream::audio
