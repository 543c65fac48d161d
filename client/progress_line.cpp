#include "client/progress_line.hpp"

#include <cstdio>
#include <utility>

#include <unistd.h>

#include "client/number_text.hpp"

namespace melstream::client {

ProgressLine::ProgressLine(std::string what) : what_(std::move(what)), visible_(isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
}

bool ProgressLine::due() noexcept {
  if (!visible_) return false;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return false;
  next_ = now + std::chrono::milliseconds(100);
  shown_ = true;
  return true;
}

void ProgressLine::show(const std::string& text) {
  if (due()) std::fprintf(stderr, "\r%s: %s\x1b[K", what_.c_str(), text.c_str());
}

void ProgressLine::show_samples(std::int64_t n_samples, std::optional<std::int64_t> n_total, int rate_hz) {
  if (!due()) return;
  std::string text = fixed_number(static_cast<double>(n_samples) / rate_hz, 1) + " s";
  if (n_total && *n_total > 0) {
    text += " of " + fixed_number(static_cast<double>(*n_total) / rate_hz, 1) + " s (" +
            std::to_string(100 * n_samples / *n_total) + "%)";
  }
  std::fprintf(stderr, "\r%s: %s\x1b[K", what_.c_str(), text.c_str());
}

}  // namespace melstream::client
