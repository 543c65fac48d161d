// The process_* metrics that Prometheus' own clients have, from /proc/self.
#pragma once

#include "daemon/metric_families.hpp"

namespace melstream::daemon {

/// What cannot be read is left out. Any thread.
void add_process_metrics(MetricFamilies& families);

}  // namespace melstream::daemon
