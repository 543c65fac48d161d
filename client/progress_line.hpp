// One line on stderr that says how far long work is; silent where stderr is not a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace melstream::client {

/// One thread at a time.
class ProgressLine {
 public:
  /// @param what stands before the figures: "extract speech.wav".
  explicit ProgressLine(std::string what);
  /// Erases the line.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// At most ten times a second.
  void show(const std::string& text);
  /// @param n_total samples in all, where known.
  void show_samples(std::int64_t n_samples, std::optional<std::int64_t> n_total, int rate_hz);

 private:
  bool due() noexcept;

  std::string what_;
  bool visible_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_{};
};

}  // namespace melstream::client
