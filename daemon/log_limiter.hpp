// Keeps an event that repeats from filling the log. Pure: time is passed in.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace melstream::daemon {

/// Not thread-safe.
class LogLimiter {
 public:
  /// Of one name a second.
  static constexpr int kMostPerSecond = 10;

  struct Suppressed {
    std::string name;
    std::int64_t n = 0;
  };
  /// Whether this one goes to the log.
  bool admit(std::string_view name, std::int64_t now_mono_ns);
  /// What was left out in seconds that are over, each once; while a flood lasts too.
  std::vector<Suppressed> take_suppressed(std::int64_t now_mono_ns);

 private:
  struct Window {
    std::int64_t begin_mono_ns = 0;
    int n_passed = 0;
    std::int64_t n_suppressed = 0;
    std::int64_t n_to_tell = 0;  ///< of seconds before this one, which a flood leaves no pause between
  };
  std::map<std::string, Window, std::less<>> windows_;  ///< names are literals, so their number is bounded
};

}  // namespace melstream::daemon
