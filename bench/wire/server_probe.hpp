// Asks a server for GetServerInfo, again and again.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace melstream::bench {

/// What GetServerInfo says, asked for again and again; in memory shared with the process that asks.
struct ServerInfo {
  std::atomic<std::int64_t> n_answers{};
  std::atomic<std::int64_t> queued_bytes{};
  std::atomic<std::int64_t> queued_bytes_peak{};
  std::atomic<std::int64_t> queued_bytes_limit{};
  std::atomic<std::int64_t> most_queued_bytes{};  ///< of all answers
  std::atomic<std::int64_t> subscription_count{};
};

/// Until `stop` is set.
void probe_server(const std::string& address, const std::atomic<bool>& stop, ServerInfo& info);

}  // namespace melstream::bench
