#include "daemon/log_limiter.hpp"

#include <utility>

namespace melstream::daemon {
namespace {

constexpr std::int64_t kWindowNs = 1'000'000'000;

}  // namespace

bool LogLimiter::admit(std::string_view name, std::int64_t now_mono_ns) {
  auto found = windows_.find(name);
  if (found == windows_.end()) found = windows_.emplace(name, Window{.begin_mono_ns = now_mono_ns}).first;
  Window& window = found->second;
  if (now_mono_ns - window.begin_mono_ns >= kWindowNs) {
    window.begin_mono_ns = now_mono_ns;
    window.n_passed = 0;
    window.n_to_tell += std::exchange(window.n_suppressed, 0);
  }
  if (window.n_passed < kMostPerSecond) {
    ++window.n_passed;
    return true;
  }
  ++window.n_suppressed;
  return false;
}

std::vector<LogLimiter::Suppressed> LogLimiter::take_suppressed(std::int64_t now_mono_ns) {
  std::vector<Suppressed> all;
  for (auto& [name, window] : windows_) {
    if (now_mono_ns - window.begin_mono_ns >= kWindowNs) window.n_to_tell += std::exchange(window.n_suppressed, 0);
    if (window.n_to_tell > 0) all.push_back({name, std::exchange(window.n_to_tell, 0)});
  }
  return all;
}

}  // namespace melstream::daemon
