// Totals of all microphones for metrics: sources come and go, a total of a metric must not shrink.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "melstream/core/sources.hpp"

#include "daemon/metrics.hpp"

namespace melstream::daemon {

/// Thread-safe.
class MicrophoneTotals {
 public:
  /// @param open status of the microphones that are open now. What one counted between the last look and its end is not
  /// in the totals.
  MicrophoneFigures look(const std::vector<core::SourceStatus>& open);

 private:
  struct Seen {
    std::int64_t xruns = 0;
    std::int64_t losses = 0;
  };
  std::mutex mutex_;                  // protects all below
  std::map<std::string, Seen> seen_;  ///< of those that are open, by id
  MicrophoneFigures totals_;
};

}  // namespace melstream::daemon
