// Whether the daemon is ready for clients, and what keeps it from being so: /readyz. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace melstream::daemon {

enum class Check : std::uint8_t { kStarting, kDraining, kLoops, kListeners, kEngine, kInputs, kOverload, kReload };
inline constexpr std::array<std::string_view, 8> kCheckNames{"starting", "draining", "loops",    "listeners",
                                                             "engine",   "inputs",   "overload", "config_reload"};

class Readiness {
 public:
  /// Not ready before the start is over.
  Readiness() { set(Check::kStarting, "the daemon is not yet listening"); }
  /// @param why empty: it passes.
  void set(Check check, std::string why);
  /// "CHECK: WHY" of each that fails; none: ready.
  std::vector<std::string> failing() const;
  bool ready() const { return failing().empty(); }

 private:
  mutable std::mutex mutex_;                             // protects reasons_
  std::array<std::string, kCheckNames.size()> reasons_;  ///< empty: passes
};

}  // namespace melstream::daemon
