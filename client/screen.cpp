#include "client/screen.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <sys/ioctl.h>
#include <unistd.h>

#include "client/number_text.hpp"

namespace melstream::client {
namespace {

/// Seconds that a terminal's width shows.
constexpr double kVisibleSeconds = 10;
/// A column of plain lines: ten lines a second.
constexpr double kPlainColumnSeconds = 0.1;
constexpr int kPlainWidth = 40;
constexpr int kMaxHeight = 20;

winsize terminal_size() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    size.ws_col = 80;
    size.ws_row = 24;
  }
  return size;
}

}  // namespace

std::string status_text(const ScreenStatus& status) {
  return status.stream + "  " + fixed_number(status.seconds, 1) + " s  " + level_bar(status.rms_dbfs, 10) + " rms " +
         fixed_number(status.rms_dbfs, 1) + " peak " + fixed_number(status.peak_dbfs, 1) + " dBFS  latency " +
         fixed_number(status.latency_ms, 1) + " ms  " + std::to_string(status.gaps) + " gaps";
}

bool stdout_takes_colours() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  return isatty(STDOUT_FILENO) == 1 && !dumb && (no_color == nullptr || *no_color == '\0');
}

Screen::Screen(bool plain, double frames_per_second) : plain_(plain), frames_per_second_(frames_per_second) {
  if (plain_) {
    const int n = static_cast<int>(std::lround(frames_per_second_ * kPlainColumnSeconds));
    // Two pixels a row of characters: a plain line has as many characters as a column has pixels.
    spectrogram_.emplace(1 << 7, kPlainWidth / 2, n);
    return;
  }
  std::fputs("\x1b[?25l", stdout);
}

Screen::~Screen() {
  if (plain_) return;
  std::fputs("\x1b[0m\x1b[?25h", stdout);
  std::fflush(stdout);
}

void Screen::fit_to_terminal() {
  const winsize size = terminal_size();
  const int width = size.ws_col - 1;
  const int height = std::clamp(size.ws_row - 2, 1, kMaxHeight);
  if (spectrogram_ && spectrogram_->width() == width && spectrogram_->height() == height) return;
  // A terminal that was resized has wrapped our lines: begin a new picture below them.
  lines_drawn_ = 0;
  spectrogram_.emplace(width, height, static_cast<int>(std::lround(frames_per_second_ * kVisibleSeconds / width)));
}

void Screen::add(std::span<const float> rows, int bins, const ScreenStatus& status) {
  if (!plain_) fit_to_terminal();
  bool changed = false;
  const auto n_bins = static_cast<std::size_t>(bins);
  for (std::size_t at = 0; at < rows.size(); at += n_bins) {
    const bool complete = spectrogram_->add_frame(rows.subspan(at, n_bins));
    if (complete && plain_) draw(status);
    changed = changed || complete;
  }
  if (changed && !plain_) draw(status);
}

void Screen::draw(const ScreenStatus& status) {
  if (plain_) {
    std::printf("|%s| %s\n", spectrogram_->plain_line().c_str(), status_text(status).c_str());
    std::fflush(stdout);
    return;
  }
  std::string text;
  if (lines_drawn_ > 0) text = "\x1b[" + std::to_string(lines_drawn_) + "A\r";
  std::string status_line = status_text(status);
  // A line that wraps would shift the picture.
  status_line.resize(std::min(status_line.size(), static_cast<std::size_t>(spectrogram_->width())));
  text += spectrogram_->picture() + status_line + "\x1b[K\n";
  lines_drawn_ = spectrogram_->height() + 1;
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace melstream::client
