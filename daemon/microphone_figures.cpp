#include "daemon/microphone_figures.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

namespace melstream::daemon {
namespace {

std::int64_t counter_of(const core::SourceStatus& status, std::string_view name) {
  const auto found = std::find_if(status.counters.begin(), status.counters.end(),
                                  [name](const core::SourceCounter& counter) { return counter.name == name; });
  return found == status.counters.end() ? 0 : found->value;
}

/// What a counter has grown by; one that is smaller than before belongs to another source of the same id.
std::int64_t growth(std::int64_t now, std::int64_t before) { return now >= before ? now - before : now; }

}  // namespace

MicrophoneFigures MicrophoneTotals::look(const std::vector<core::SourceStatus>& open) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Seen> seen;
  totals_.drift_ppm = 0.0;
  for (const core::SourceStatus& status : open) {
    const Seen now{.xruns = counter_of(status, "xruns"), .losses = counter_of(status, "device_losses")};
    const auto known = seen_.find(status.spec.id);
    const Seen before = known == seen_.end() ? Seen{} : known->second;
    totals_.xruns += growth(now.xruns, before.xruns);
    totals_.device_losses += growth(now.losses, before.losses);
    const double drift_ppm = status.drift_ppm.value_or(0.0);
    if (std::abs(drift_ppm) > std::abs(totals_.drift_ppm)) totals_.drift_ppm = drift_ppm;
    seen.emplace(status.spec.id, now);
  }
  seen_ = std::move(seen);
  return totals_;
}

}  // namespace melstream::daemon
