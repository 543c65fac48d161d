// The daemon's metrics: families, names and units are those of docs/operations.md. Nothing is counted here: at a
// scrape, what the parts have counted is gathered. Every series is there from the start, and their number does not
// depend on what clients do.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "melstream/core/host_arena.hpp"
#include "melstream/pipeline/counters.hpp"
#include "melstream/rpc/server.hpp"

#include "daemon/ingest_meter.hpp"
#include "daemon/liveness.hpp"
#include "daemon/log.hpp"

namespace melstream::daemon {

/// What a reload of the config tells. Writer: main thread; readers: any. Counts of their own.
struct ReloadStats {
  std::atomic<bool> last_successful{true};
  std::atomic<std::int64_t> last_success_unix_s{0};  ///< the start counts
  std::atomic<std::int64_t> failures{0};
  std::atomic<std::int64_t> tls_expiry_unix_s{0};  ///< of the certificate that expires first; 0: none is used
};

/// What microphones have counted, over all of them.
struct MicrophoneFigures {
  std::int64_t xruns = 0;
  std::int64_t device_losses = 0;
  double drift_ppm = 0.0;  ///< the largest by magnitude, of those that are open
};

/// Where the figures are. All references outlive the struct.
struct MetricSources {
  const pipeline::Counters& counters;
  const rpc::Server& server;
  const IngestTotals& ingest;
  const Liveness& liveness;
  const ReloadStats& reloads;
  const Log& log;
  core::HostArena::Usage arena;
  MicrophoneFigures microphones;
  std::int64_t engine_losses = 0;
  bool is_ready = false;
  bool has_cuda = false;  ///< it started with the plugin's engine
};

/// The text of a scrape. Any thread; never waits for a loop.
std::string metrics_text(const MetricSources& sources);

}  // namespace melstream::daemon
