// The whole terminal, drawn in place: the other screen, keys as they are typed, its size. Ctrl-C stays a signal.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <termios.h>

namespace melstream::client {

/// Before any other thread starts: so that changes of the size are heard in wait(), and by no other thread.
void block_resize_signal();

class Terminal {
 public:
  /// Needs block_resize_signal().
  Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  /// Everything as it was.
  ~Terminal();

  int width() const;
  int height() const;
  /// @param bold index of a line that is shown in reverse.
  void draw(const std::vector<std::string>& lines, std::size_t bold) const;
  /// Waits for keys, a new size or `stop_fd`. Returns what was typed; empty after the time, or when drawing anew is
  /// due.
  std::string wait(int stop_fd, int timeout_ms) const;

 private:
  termios before_{};
  int resize_fd_;
};

}  // namespace melstream::client
