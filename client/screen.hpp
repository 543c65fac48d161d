// What `view` shows, on a terminal or as lines: the spectrogram, the level, the added latency.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "client/spectrogram.hpp"

namespace melstream::client {

/// Figures beside the picture.
struct ScreenStatus {
  std::string stream;
  double seconds = 0;  ///< of the stream, at the newest frame
  float rms_dbfs = 0;
  float peak_dbfs = 0;
  double latency_ms = 0;
  std::int64_t gaps = 0;
};

/// One line: "demo  3.2 s  [####------] rms -23.1 peak -9.8 dBFS  latency 14.2 ms  0 gaps".
std::string status_text(const ScreenStatus& status);

/// Draws on stdout: in place on a terminal, a line a column elsewhere or in plain mode. Restores the cursor.
class Screen {
 public:
  /// @param plain characters only, no escape sequences: not a terminal, or NO_COLOR is set.
  /// @param frames_per_second of the front end.
  Screen(bool plain, double frames_per_second);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// @param rows [n][bins], row-major.
  void add(std::span<const float> rows, int bins, const ScreenStatus& status);

 private:
  void fit_to_terminal();
  void draw(const ScreenStatus& status);

  bool plain_;
  double frames_per_second_;
  std::optional<Spectrogram> spectrogram_;
  int lines_drawn_ = 0;
};

/// Whether stdout takes colours: it is a terminal, not a dumb one, and NO_COLOR is not set (no-color.org).
bool stdout_takes_colours();

}  // namespace melstream::client
